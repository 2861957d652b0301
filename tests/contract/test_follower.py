"""Following a real topic: from a time on, behind its end, and through its growth."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from headwater.topics import TopicAdmin
from libs.common.clock import SystemClock
from libs.common.kafka.follower import TopicFollower
from libs.common.kafka.producer import KafkaPublisher
from libs.common.kafka.reader import LogUnavailable
from tests.stack import Stack

WAIT = timedelta(milliseconds=300)


async def publish(stack: Stack, topic: str, *values: bytes) -> None:
    publisher = KafkaPublisher(stack.kafka_connection, SystemClock())
    await publisher.start()
    try:
        for value in values:
            await publisher.publish(topic, value, value)
    finally:
        await publisher.stop()


async def values(follower: TopicFollower, count: int) -> list[bytes | None]:
    found: list[bytes | None] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += [record.value for record in await follower.poll(WAIT, 100)]
    return sorted(found, key=lambda value: value or b"")


async def test_it_begins_behind_the_end_or_at_a_time(stack: Stack, telemetry: str) -> None:
    await publish(stack, telemetry, b"long ago")
    await asyncio.sleep(0.05)
    moment = datetime.now(UTC)
    await publish(stack, telemetry, b"before", b"before too")
    behind = TopicFollower(telemetry, stack.kafka_connection)
    since = TopicFollower(telemetry, stack.kafka_connection)
    try:
        ends = dict(await behind.start(None))
        assert ends == behind.positions
        assert sum(ends.values()) == 3
        assert sum((await since.start(moment)).values()) == 1
        await publish(stack, telemetry, b"after")
        assert await values(behind, 1) == [b"after"]
        assert await values(since, 3) == [b"after", b"before", b"before too"]
        assert sum(behind.positions.values()) == 4
        assert await behind.poll(WAIT, 100) == []
    finally:
        await behind.stop()
        await since.stop()


async def test_partitions_that_are_added_are_read_from_their_beginning(
    stack: Stack, telemetry: str
) -> None:
    follower = TopicFollower(telemetry, stack.kafka_connection)
    try:
        await follower.start(None)
        await publish(stack, telemetry, b"first")
        assert await values(follower, 1) == [b"first"]
        async with TopicAdmin(stack.kafka_connection) as admin:
            await admin.add_partitions(telemetry, 6)
        some = [f"value {number}".encode() for number in range(40)]
        await publish(stack, telemetry, *some)
        assert await values(follower, 40) == sorted(some)
        assert set(follower.positions) == set(range(6))
        assert sum(follower.positions.values()) == 41
    finally:
        await follower.stop()


async def test_a_topic_or_cluster_that_is_not_there(stack: Stack) -> None:
    for follower in (
        TopicFollower("no-such-topic", stack.kafka_connection),
        TopicFollower("telemetry", {"bootstrap_servers": "127.0.0.1:9"}),
    ):
        with pytest.raises(LogUnavailable):
            await follower.start(None)
        with pytest.raises(LogUnavailable):
            await follower.poll(WAIT, 1)
