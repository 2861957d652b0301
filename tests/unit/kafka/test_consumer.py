"""The consumer loop on a log in memory: order, gaps, fences, halts, leaving."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from libs.common.clock import SettableClock, SystemClock
from libs.common.db.offsets import StoredOffset
from libs.common.kafka.consumer import ConsumerLoop, Fenced, LoopLimits, Overtaken, Stalled
from libs.common.kafka.memory import MemoryLog, MemoryReader
from libs.common.kafka.positions import Take
from libs.common.kafka.records import Record, record_time
from libs.common.runtime import LoopWatch

TOPIC = "telemetry"
QUICK = LoopLimits(
    idle_wait=timedelta(milliseconds=10),
    look=timedelta(milliseconds=20),
    first_delay=timedelta(milliseconds=5),
    most_delay=timedelta(milliseconds=20),
)


@dataclass
class Ledger:
    """Offsets and values as Postgres would hold them: both move together or not at all."""

    offsets: dict[int, StoredOffset] = field(default_factory=dict)
    stored: list[tuple[int, int, bytes | None]] = field(default_factory=list)

    def values(self) -> list[bytes | None]:
        return [value for _, _, value in self.stored]


FAILURE_TAKES = timedelta(seconds=10)


class LedgerSink:
    """A sink with the compare-and-set of the real one, that can be made to fail."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.failures: list[Exception] = []
        self.after_failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.halted: dict[int, str] = {}
        self.lag: dict[int, int] = {}
        self.take_sizes: list[int] = []
        self.prepared_count = 0
        self.begun_count = 0
        self.clock: SettableClock | None = None
        """Moves on with each failure; without it the machine's own is used."""

    async def read_offsets(self, partitions: Collection[int]) -> dict[int, StoredOffset]:
        return {p: self.ledger.offsets[p] for p in partitions if p in self.ledger.offsets}

    async def begin_offset(self, partition: int, next_offset: int) -> None:
        self.ledger.offsets.setdefault(partition, StoredOffset(partition, next_offset, "memory"))

    async def stop_partition(self, partition: int, reason: str) -> None:
        old = self.ledger.offsets[partition]
        if old.stopped_reason is None:
            self.ledger.offsets[partition] = StoredOffset(
                **(vars(old) | {"stopped_reason": reason})
            )

    def prepare(self, record: Record) -> tuple[Record, int]:
        self.prepared_count += 1
        return record, 1

    async def store(self, takes: Sequence[Take[Record]]) -> None:
        self.begun_count += 1
        await self.gate.wait()
        if self.failures:
            if self.clock is not None:
                self.clock.move_to(self.clock.now() + FAILURE_TAKES)
            raise self.failures.pop(0)
        for take in takes:
            held = self.ledger.offsets[take.partition]
            if held.next_offset != take.expected or held.stopped_reason is not None:
                raise Fenced(f"{take.partition}: {held.next_offset}, not {take.expected}")
        self.take_sizes.append(sum(len(take.records) for take in takes))
        for take in takes:
            last = take.records[-1]
            self.ledger.stored += [(r.partition, r.offset, r.value) for r in take.items]
            self.ledger.offsets[take.partition] = StoredOffset(
                take.partition,
                take.next_offset,
                "memory",
                last.key,
                record_time(last.timestamp),
            )
        if self.after_failures:
            raise self.after_failures.pop(0)

    def observe(self, lag: Mapping[int, int], halted: Mapping[int, str]) -> None:
        self.lag, self.halted = dict(lag), dict(halted)


@asynccontextmanager
async def consuming(
    log: MemoryLog, sink: LedgerSink, limits: LoopLimits = QUICK
) -> AsyncIterator[ConsumerLoop[Record]]:
    clock = sink.clock or SystemClock()
    reader = MemoryReader(log, TOPIC)
    loop: ConsumerLoop[Record] = ConsumerLoop(reader, sink, clock, LoopWatch(clock), limits)
    await reader.start(loop.leave)
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop, log.cluster_id))
    try:
        yield loop
    finally:
        stop.set()
        sink.gate.set()
        await running
        await reader.stop()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not within the time")


@pytest.fixture
def log() -> MemoryLog:
    made = MemoryLog(SystemClock())
    made.create(TOPIC, 3)
    return made


def fill(log: MemoryLog, count: int, first: int = 0) -> list[bytes]:
    values = [b"value %d" % number for number in range(first, first + count)]
    for value in values:
        log.append(TOPIC, value, value)
    return values


def log_size(log: MemoryLog) -> int:
    return sum(len(partition.records) for partition in log.partitions(TOPIC))


def in_order(ledger: Ledger) -> bool:
    """Each partition's offsets follow each other from 0 without a hole or a repetition."""
    by_partition: dict[int, list[int]] = {}
    for partition, offset, _ in ledger.stored:
        by_partition.setdefault(partition, []).append(offset)
    return all(offsets == list(range(len(offsets))) for offsets in by_partition.values())


async def test_everything_is_stored_once_in_order(log: MemoryLog) -> None:
    values = fill(log, 50)
    sink = LedgerSink(Ledger())
    async with consuming(log, sink) as loop:
        await until(lambda: len(sink.ledger.stored) == 50)
        values += fill(log, 20, first=50)
        await until(lambda: len(sink.ledger.stored) == 70)
        assert loop.is_settled
    assert sorted(sink.ledger.values(), key=str) == sorted(values, key=str)
    assert in_order(sink.ledger)


@pytest.mark.parametrize("is_committed", [False, True])
async def test_an_error_before_or_after_the_commit_neither_loses_nor_doubles(
    log: MemoryLog, is_committed: bool
) -> None:
    sink = LedgerSink(Ledger())
    errors = [OSError("gone"), TimeoutError(), OSError("gone again")]
    if is_committed:
        sink.after_failures += errors
    else:
        sink.failures += errors
    async with consuming(log, sink):
        for number in range(30):
            fill(log, 2, first=2 * number)
            await asyncio.sleep(0.002)
        await until(lambda: len(sink.ledger.stored) >= 60)
        await asyncio.sleep(0.05)  # for what must not come twice
    assert len(sink.ledger.stored) == 60
    assert in_order(sink.ledger)


async def test_records_gather_while_a_transaction_runs(log: MemoryLog) -> None:
    sink = LedgerSink(Ledger())
    sink.gate.clear()
    async with consuming(log, sink):
        fill(log, 1)
        await until(lambda: sink.begun_count == 1)
        fill(log, 40, first=1)
        await until(lambda: sink.prepared_count == 41)
        sink.gate.set()
        await until(lambda: len(sink.ledger.stored) == 41)
    assert sink.take_sizes == [1, 40]


async def test_a_transaction_takes_no_more_than_its_limit(log: MemoryLog) -> None:
    fill(log, 500)
    sink = LedgerSink(Ledger())
    limits = LoopLimits(weight=50, idle_wait=QUICK.idle_wait, look=QUICK.look)
    async with consuming(log, sink, limits):
        await until(lambda: len(sink.ledger.stored) == 500)
    assert max(sink.take_sizes) <= 60
    assert in_order(sink.ledger)


async def test_another_owner_wins_and_we_go_on_behind_it(log: MemoryLog) -> None:
    ledger = Ledger()
    first, second = LedgerSink(ledger), LedgerSink(ledger)
    async with consuming(log, first):
        fill(log, 30)
        await until(lambda: len(ledger.stored) == 30)
        async with consuming(log, second):
            fill(log, 30, first=30)
            await until(lambda: len(ledger.stored) == 60)
        fill(log, 30, first=60)
        await until(lambda: len(ledger.stored) == 90)
    assert in_order(ledger)


async def test_a_fenced_transaction_starts_again_from_the_stored_offset(log: MemoryLog) -> None:
    ledger = Ledger()
    sink = LedgerSink(ledger)
    sink.gate.clear()
    fill(log, 9)
    async with consuming(log, sink):
        await until(lambda: sink.begun_count == 1)  # records in hand, nothing stored
        partition = log.partitions(TOPIC)[0]
        last = partition.records[-1]
        ledger.stored += [(0, record.offset, record.value) for record in partition.records]
        ledger.offsets[0] = StoredOffset(
            0, partition.end, "memory", last.key, record_time(last.timestamp)
        )
        sink.gate.set()
        await until(lambda: len(ledger.stored) == 9)
        fill(log, 9, first=9)
        await until(lambda: len(ledger.stored) == 18)
    assert in_order(ledger)


async def test_records_lost_to_retention_stop_their_partition_only(log: MemoryLog) -> None:
    fill(log, 60)
    log.expire(TOPIC, 1, 5)
    ledger = Ledger({1: StoredOffset(1, 3, "memory", b"k", record_time(1))})
    sink = LedgerSink(ledger)
    others = sum(len(log.partitions(TOPIC)[p].records) for p in (0, 2))
    async with consuming(log, sink):
        await until(lambda: len(ledger.stored) == others and 1 in sink.halted)
        assert ledger.offsets[1].next_offset == 3
        assert "3 to 4 are gone" in sink.halted[1]
        # an operator adopts the log as it is
        ledger.offsets[1] = StoredOffset(1, 5, "memory")
        await until(lambda: not sink.halted and sink.lag.get(1) == 0)
    assert {p for p, _, _ in ledger.stored} == {0, 1, 2}


async def test_records_that_expire_under_a_reading_consumer_stop_it(log: MemoryLog) -> None:
    fill(log, 30)
    sink = LedgerSink(Ledger())
    async with consuming(log, sink):
        await until(lambda: len(sink.ledger.stored) == 30)
        sink.failures += [OSError("away")] * 2
        fill(log, 30, first=30)
        log.expire(TOPIC, 0, log.partitions(TOPIC)[0].end)
        log.append(TOPIC, b"value 0", b"late")
        await until(lambda: bool(sink.halted))
    assert "are gone" in sink.halted[0]


@pytest.mark.parametrize("grown_by", [-5, 0, 40])
async def test_a_recreated_topic_stops_its_partitions(log: MemoryLog, grown_by: int) -> None:
    fill(log, 30)
    ledger = Ledger()
    async with consuming(log, LedgerSink(ledger)):
        await until(lambda: len(ledger.stored) == 30)
    log.create(TOPIC, 3)
    fill(log, 30 + 3 * grown_by, first=1_000)
    sink = LedgerSink(ledger)
    async with consuming(log, sink):
        await until(lambda: len(sink.halted) == 3, seconds=8)
    assert len(ledger.stored) == 30
    assert all(stored.stopped_reason for stored in ledger.offsets.values())


async def test_another_cluster_stops_all_partitions(log: MemoryLog) -> None:
    fill(log, 9)
    ledger = Ledger({p: StoredOffset(p, 0, "another") for p in range(3)})
    sink = LedgerSink(ledger)
    async with consuming(log, sink):
        await until(lambda: len(sink.halted) == 3)
    assert not ledger.stored
    assert "another cluster" in sink.halted[0]


async def test_expired_up_to_the_stored_offset_goes_on(log: MemoryLog) -> None:
    fill(log, 30)
    ledger = Ledger()
    async with consuming(log, LedgerSink(ledger)):
        await until(lambda: len(ledger.stored) == 30)
    for partition in range(3):
        log.expire(TOPIC, partition, log.partitions(TOPIC)[partition].end)
    async with consuming(log, LedgerSink(ledger)):
        fill(log, 30, first=30)
        await until(lambda: len(ledger.stored) == 60)
    assert in_order(ledger)


async def test_leaving_waits_for_the_running_transaction(log: MemoryLog) -> None:
    sink = LedgerSink(Ledger())
    sink.gate.clear()
    fill(log, 10)
    async with consuming(log, sink) as loop:
        await until(lambda: sink.prepared_count == 10 and sink.begun_count == 1)
        leaving = asyncio.create_task(loop.leave([0, 1, 2]))
        await asyncio.sleep(0.02)
        assert not leaving.done()
        sink.gate.set()
        await leaving
        assert len(sink.ledger.stored) == 10


async def test_an_outage_of_the_log_is_waited_out(log: MemoryLog) -> None:
    sink = LedgerSink(Ledger())
    async with consuming(log, sink):
        fill(log, 10)
        await until(lambda: len(sink.ledger.stored) == 10)
        log.is_available = False
        await asyncio.sleep(0.1)
        log.is_available = True
        fill(log, 10, first=10)
        await until(lambda: len(sink.ledger.stored) == 20)


class DeafReader(MemoryReader):
    """A consumer whose fetcher died silently, as has happened after broker restarts."""

    async def poll(self, wait: timedelta, most: int) -> Mapping[int, Sequence[Record]]:
        await asyncio.sleep(wait.total_seconds())
        return {}


async def test_lag_without_progress_ends_the_loop(log: MemoryLog) -> None:
    fill(log, 10)
    clock = SystemClock()
    reader = DeafReader(log, TOPIC)
    limits = LoopLimits(
        idle_wait=QUICK.idle_wait, look=QUICK.look, stall=timedelta(milliseconds=200)
    )
    loop: ConsumerLoop[Record] = ConsumerLoop(
        reader, LedgerSink(Ledger()), clock, LoopWatch(clock), limits
    )
    await reader.start(loop.leave)
    with pytest.raises(Stalled):
        await asyncio.wait_for(loop.run(asyncio.Event(), log.cluster_id), 5)


class Faulty(Exception):
    """A mistake in our own code."""


STALLING = replace(QUICK, stall=timedelta(seconds=60))


@pytest.fixture
def failing() -> LedgerSink:
    """A sink by whose failures alone time passes: how busy the machine is makes no stall."""
    sink = LedgerSink(Ledger())
    sink.clock = SettableClock(datetime(2026, 11, 26, tzinfo=UTC))
    return sink


async def test_a_fault_of_ours_that_stays_ends_the_loop_and_is_told_whole(
    log: MemoryLog, failing: LedgerSink
) -> None:
    fill(log, 10)
    fault = Faulty("this line is wrong")
    failing.failures += [fault] * 10_000
    clock = failing.clock or SystemClock()
    reader = MemoryReader(log, TOPIC)
    loop: ConsumerLoop[Record] = ConsumerLoop(reader, failing, clock, LoopWatch(clock), STALLING)
    await reader.start(loop.leave)
    with capture_logs() as told, pytest.raises(Stalled, match="each try has failed"):
        await asyncio.wait_for(loop.run(asyncio.Event(), log.cluster_id), 20)
    faults = [line for line in told if "fault of ours" in line["event"]]
    assert {line["log_level"] for line in faults} == {"error"}
    assert all(line["exc_info"] is fault for line in faults)
    assert not failing.ledger.stored


@pytest.mark.parametrize(
    "error",
    [OSError("away"), TimeoutError(), asyncpg.CannotConnectNowError("in recovery")],
    ids=["connection", "time", "sqlstate"],
)
async def test_an_outage_of_the_database_is_waited_out_however_long(
    log: MemoryLog, error: Exception, failing: LedgerSink
) -> None:
    fill(log, 10)
    failing.failures += [error] * 100  # several stalls together
    async with consuming(log, failing, STALLING):
        await until(lambda: len(failing.ledger.stored) == 10, seconds=30)
    assert in_order(failing.ledger)


async def test_faults_between_which_something_is_stored_do_not_add_up(
    log: MemoryLog, failing: LedgerSink
) -> None:
    async with consuming(log, failing, STALLING):
        for number in range(20):  # together they take longer than a stall
            failing.failures += [Faulty("now and then"), Overtaken("merged")]
            fill(log, 3, first=3 * number)
            await until(lambda: len(failing.ledger.stored) == log_size(log))
    assert in_order(failing.ledger)


async def test_an_outage_in_between_forgives_a_fault(log: MemoryLog, failing: LedgerSink) -> None:
    fill(log, 10)
    # what a driver makes of a connection that ends while it is used
    failing.failures += [RuntimeError("the handler is closed"), *[OSError("away")] * 5] * 20
    async with consuming(log, failing, STALLING):
        await until(lambda: len(failing.ledger.stored) == 10, seconds=30)
