"""One suite for the log in memory and for real Kafka: what producers and consumers rely on."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from libs.common.clock import SystemClock
from libs.common.kafka.memory import MemoryLog, MemoryPublisher, MemoryReader
from libs.common.kafka.producer import KafkaPublisher, Publisher, RecordTooLarge
from libs.common.kafka.reader import KafkaReader, LogReader, LogUnavailable, Span
from libs.common.kafka.records import Record
from libs.common.topics import RECORD_MAX_BYTES, partition_of
from tests.stack import Stack, create_topic, unique_telemetry

WAIT = timedelta(seconds=1)


@dataclass
class Log:
    """A topic of three partitions with a producer and a consumer that has joined its group."""

    topic: str
    publisher: Publisher
    reader: LogReader

    async def publish(self, count: int) -> list[bytes]:
        keys = [b"key-%d" % number for number in range(count)]
        for key in keys:
            await self.publisher.publish(self.topic, key, b"value of " + key)
        return keys

    async def read(self, count: int) -> dict[int, list[Record]]:
        """Read until there are so many records; fails after ten seconds."""
        found: dict[int, list[Record]] = {}
        for _ in range(20):
            for partition, records in (await self.reader.poll(WAIT / 2, 1_000)).items():
                found.setdefault(partition, []).extend(records)
            if sum(map(len, found.values())) >= count:
                return found
        raise AssertionError(f"{sum(map(len, found.values()))} of {count} records")

    def seek_all(self, offsets: Sequence[int] = (0, 0, 0)) -> None:
        for partition, offset in enumerate(offsets):
            assert self.reader.seek(partition, offset)


async def nobody_leaves(_: Collection[int]) -> None:
    return


async def wait_assigned(reader: LogReader) -> None:
    """Kafka hands partitions out in the background."""
    for _ in range(200):
        if len(reader.assigned()) == 3:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("not assigned")


@pytest.fixture(params=["memory", "kafka"])
def kafka_stack(request: pytest.FixtureRequest) -> Stack | None:
    """The real servers, or None for the log in memory."""
    return request.getfixturevalue("stack") if request.param == "kafka" else None


@pytest.fixture
async def log(kafka_stack: Stack | None) -> AsyncIterator[Log]:
    topic = unique_telemetry(partition_count=3)
    if kafka_stack is None:
        memory = MemoryLog(SystemClock())
        memory.create(topic.name, 3)
        reader = MemoryReader(memory, topic.name)
        await reader.start(nobody_leaves)
        yield Log(topic.name, MemoryPublisher(memory), reader)
        await reader.stop()
        return
    await create_topic(kafka_stack, topic)
    publisher = KafkaPublisher(dict(kafka_stack.kafka_connection), SystemClock())
    await publisher.start()
    kafka = KafkaReader(topic.name, f"test-{uuid4().hex}", dict(kafka_stack.kafka_connection))
    await kafka.start(nobody_leaves)
    await wait_assigned(kafka)
    yield Log(topic.name, publisher, kafka)
    await kafka.stop()
    await publisher.stop()


async def test_records_come_back_in_order_by_partition(log: Log) -> None:
    log.seek_all()
    keys = await log.publish(60)
    found = await log.read(60)
    for partition, records in found.items():
        assert [record.offset for record in records] == list(range(len(records)))
        assert [record.key for record in records] == [
            key for key in keys if partition_of(key, 3) == partition
        ]
        assert all(record.value == b"value of " + (record.key or b"") for record in records)
        assert all(record.partition == partition for record in records)


async def test_the_receipt_tells_where_the_record_is(log: Log) -> None:
    log.seek_all()
    await log.publish(10)
    receipt = await log.publisher.publish(log.topic, b"the one", b"value")
    assert receipt is not None
    found = await log.read(11)
    record = found[receipt.partition][receipt.offset]
    assert record.key == b"the one"


async def test_copies_of_a_key_meet_in_one_partition(log: Log) -> None:
    receipts = [await log.publisher.publish(log.topic, b"same", b"%d" % n) for n in range(5)]
    assert {r.partition for r in receipts if r is not None} == {partition_of(b"same", 3)}


async def test_the_time_is_the_logs(log: Log) -> None:
    log.seek_all()
    before = datetime.now(UTC)
    await log.publish(3)
    after = datetime.now(UTC)
    for records in (await log.read(3)).values():
        for record in records:
            at = datetime.fromtimestamp(record.timestamp / 1_000, UTC)
            assert before - timedelta(milliseconds=1) <= at <= after + timedelta(seconds=1)


async def test_seek_reads_again_from_an_offset(log: Log) -> None:
    log.seek_all()
    await log.publish(30)
    found = await log.read(30)
    partition = next(p for p, records in found.items() if len(records) > 3)
    assert log.reader.seek(partition, 2)
    again = await log.read(len(found[partition]) - 2)
    assert [r.offset for r in again[partition]] == list(range(2, len(found[partition])))


async def test_a_halted_partition_is_silent_until_sought(log: Log) -> None:
    log.seek_all()
    log.reader.halt(0, 0)
    keys = await log.publish(30)
    others = sum(1 for key in keys if partition_of(key, 3) != 0)
    found = await log.read(others)
    assert 0 not in found
    assert log.reader.seek(0, 0)
    assert len((await log.read(30 - others))[0]) == 30 - others


async def test_a_poll_takes_no_more_than_asked(log: Log) -> None:
    log.seek_all()
    await log.publish(30)
    sizes = []
    for _ in range(60):
        found = await log.reader.poll(WAIT / 10, 4)
        sizes.append(sum(map(len, found.values())))
        if sum(sizes) == 30:
            break
    assert max(sizes) <= 4
    assert sum(sizes) == 30


async def test_an_offset_out_of_range_is_reported_not_skipped(log: Log) -> None:
    await log.publish(10)
    log.seek_all((1_000, 0, 0))
    for _ in range(50):
        found = await log.reader.poll(WAIT / 10, 100)
        assert 0 not in found
        if lost := log.reader.take_lost():
            break
    assert lost == {0}


async def test_spans_and_counts(log: Log) -> None:
    keys = await log.publish(20)
    spans = await log.reader.spans(range(3))
    for partition in range(3):
        count = sum(1 for key in keys if partition_of(key, 3) == partition)
        assert spans[partition] == Span(0, count)
    assert await log.reader.partition_count() == 3
    assert await log.reader.cluster_id()


async def test_what_is_too_large_is_refused_before_sending(log: Log) -> None:
    with pytest.raises(RecordTooLarge):
        await log.publisher.publish(log.topic, b"key", b"x" * RECORD_MAX_BYTES)
    log.seek_all()
    await log.publish(3)
    await log.read(3)


async def test_a_record_of_nearly_the_largest_size_comes_through(log: Log) -> None:
    log.seek_all()
    value = uuid4().bytes * ((RECORD_MAX_BYTES - 1_024) // 16)
    await log.publisher.publish(log.topic, b"large", value)
    [records] = (await log.read(1)).values()
    assert records[0].value == value


async def test_unassigned_partitions_cannot_be_sought(log: Log) -> None:
    assert not log.reader.seek(99, 0)


async def test_a_log_that_is_away_is_unavailable() -> None:
    away = KafkaReader("telemetry", "group", {"bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(LogUnavailable):
        await away.start(nobody_leaves)
    with pytest.raises(LogUnavailable):
        await away.cluster_id()
    memory = MemoryLog(SystemClock())
    with pytest.raises(LogUnavailable):
        await MemoryReader(memory, "telemetry").start(nobody_leaves)
