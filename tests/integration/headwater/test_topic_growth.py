"""`topics grow` and `topics adopt` against real Kafka and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from headwater.stack.errors import StackError
from headwater.topic_adoption import adopt, plan_adoption
from headwater.topic_growth import Growth, grow_topic
from headwater.topics import TopicAdmin
from libs.common.db.offsets import (
    Advance,
    Fence,
    begin_offset,
    claim_offsets,
    stop_partition,
)
from libs.common.db.offsets import read_offsets as read
from libs.common.kafka.records import record_time
from tests.stack import Stack

QUICK = timedelta(seconds=1.5)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(database)
    yield made
    await made.close()


@pytest.fixture
async def admin(stack: Stack) -> AsyncIterator[TopicAdmin]:
    async with TopicAdmin(stack.kafka_connection) as made:
        yield made


@pytest.fixture
def growth(telemetry: str) -> Growth:
    return Growth(telemetry, 5, ["writer"], deadline=timedelta(seconds=20))


async def fence_of(admin: TopicAdmin, topic: str) -> Fence:
    return Fence("writer", topic, await admin.cluster_id())


async def publish(stack: Stack, topic: str, partition: int, count: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap, acks="all")
    await producer.start()
    try:
        for number in range(count):
            await producer.send_and_wait(
                topic, b"value", key=f"key {number}".encode(), partition=partition
            )
    finally:
        await producer.stop()


async def store(
    connection: asyncpg.Connection, admin: TopicAdmin, topic: str, next_offset: int
) -> None:
    """Store partition 0 up to an offset, as the writer does."""
    fence = await fence_of(admin, topic)
    record = await admin.record_at(topic, 0, next_offset - 1)
    assert record is not None
    await begin_offset(connection, fence, 0, 0)
    at = record_time(record.timestamp)
    assert await claim_offsets(connection, fence, [Advance(0, 0, next_offset, record.key, at)])


async def gateway(
    connection: asyncpg.Connection, *, silent_for: timedelta, is_paused: bool = False
) -> None:
    await connection.execute(
        "INSERT INTO gateway_boots (boot_id, instance, started_at, flushed_at, is_paused)"
        " VALUES ($1, 'a', now() - $2::interval, now() - $2::interval, $3)",
        uuid4(),
        silent_for,
        is_paused,
    )


async def eventually(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - asks a database
            await asyncio.sleep(0.05)


async def test_growth_waits_for_gateways_and_for_what_is_not_stored(
    connection: asyncpg.Connection,
    admin: TopicAdmin,
    stack: Stack,
    growth: Growth,
    database: str,
) -> None:
    await publish(stack, growth.topic, 0, 2)
    await gateway(connection, silent_for=timedelta(0))
    told: list[str] = []
    growing = asyncio.create_task(grow_topic(growth, connection, admin, told.append))
    other = await asyncpg.connect(database)
    try:
        await eventually(lambda: other.fetchval("SELECT reason FROM topic_pauses"))
        assert await other.fetchval("SELECT reason FROM topic_pauses") == "topic_growing"
        await other.execute("UPDATE gateway_boots SET is_paused = true")
        await eventually(lambda: asyncio.sleep(0, len(told) == 2))
        (state,) = await admin.states([growth.topic])
        assert state.partition_count == 3
        await store(other, admin, growth.topic, 2)
        await eventually(lambda: asyncio.sleep(0, len(told) == 3))
        await asyncio.sleep(0.5)
        assert not growing.done()  # the gateway has not said that it publishes again
        await other.execute("UPDATE gateway_boots SET is_paused = false")
        await growing
        assert told[-1] == "Gateways publish again"
    finally:
        growing.cancel()
        await other.close()
    (state,) = await admin.states([growth.topic])
    assert state.partition_count == 5
    assert await connection.fetchval("SELECT count(*) FROM topic_pauses") == 0
    offsets = await read(connection, await fence_of(admin, growth.topic))
    assert {number: each.next_offset for number, each in offsets.items()} == {
        0: 2,
        1: 0,
        2: 0,
        3: 0,
        4: 0,
    }


@pytest.mark.parametrize(
    ("silent_for", "assume_dead", "grows"),
    [
        (timedelta(seconds=0), True, False),
        (timedelta(minutes=1), False, False),
        (timedelta(minutes=1), True, True),
        (timedelta(hours=1), False, True),
    ],
)
async def test_growth_and_gateways_that_do_not_pause(
    connection: asyncpg.Connection,
    admin: TopicAdmin,
    growth: Growth,
    silent_for: timedelta,
    *,
    assume_dead: bool,
    grows: bool,
) -> None:
    await gateway(connection, silent_for=silent_for)
    wish = replace(growth, deadline=QUICK, assume_dead=assume_dead)
    if grows:
        await grow_topic(wish, connection, admin, lambda _: None)
    else:
        with pytest.raises(StackError, match="gave up waiting for: gateway a"):
            await grow_topic(wish, connection, admin, lambda _: None)
    (state,) = await admin.states([growth.topic])
    assert state.partition_count == (5 if grows else 3)
    assert await connection.fetchval("SELECT count(*) FROM topic_pauses") == 0


async def test_growth_does_not_wait_for_a_gateway_that_was_restarted(
    connection: asyncpg.Connection, admin: TopicAdmin, growth: Growth
) -> None:
    await gateway(connection, silent_for=timedelta(minutes=1))
    await gateway(connection, silent_for=timedelta(0), is_paused=True)
    await grow_topic(replace(growth, deadline=QUICK), connection, admin, lambda _: None)
    (state,) = await admin.states([growth.topic])
    assert state.partition_count == 5


async def test_growth_can_be_repeated_and_never_shrinks(
    connection: asyncpg.Connection, admin: TopicAdmin, growth: Growth
) -> None:
    await grow_topic(growth, connection, admin, lambda _: None)
    await grow_topic(growth, connection, admin, lambda _: None)
    with pytest.raises(StackError, match="has 5 partitions"):
        await grow_topic(replace(growth, partition_count=4), connection, admin, lambda _: None)
    with pytest.raises(StackError, match="there is no topic"):
        await grow_topic(replace(growth, topic="other"), connection, admin, lambda _: None)


async def adopt_all(connection: asyncpg.Connection, admin: TopicAdmin, topic: str) -> list[str]:
    plan = await plan_adoption(connection, admin, "writer", topic)
    assert await adopt(connection, await fence_of(admin, topic), plan) == []
    return [str(step) for step in plan]


async def test_a_partition_that_moves_has_nothing_to_adopt(
    connection: asyncpg.Connection, admin: TopicAdmin, stack: Stack, telemetry: str
) -> None:
    await publish(stack, telemetry, 0, 3)
    await store(connection, admin, telemetry, 3)
    assert await adopt_all(connection, admin, telemetry) == []


async def test_adopting_the_same_log_goes_on_where_it_stopped(
    connection: asyncpg.Connection, admin: TopicAdmin, stack: Stack, telemetry: str
) -> None:
    await publish(stack, telemetry, 0, 3)
    await store(connection, admin, telemetry, 2)
    fence = await fence_of(admin, telemetry)
    before = (await read(connection, fence))[0]
    await stop_partition(connection, fence, 0, "too many rows refused")
    assert await adopt_all(connection, admin, telemetry) == [
        "partition 0: too many rows refused; goes on at 2"
    ]
    assert (await read(connection, fence))[0] == before


async def test_adopting_another_log_begins_at_its_start(
    connection: asyncpg.Connection, admin: TopicAdmin, stack: Stack, telemetry: str
) -> None:
    await publish(stack, telemetry, 0, 3)
    await store(connection, admin, telemetry, 3)
    fence = await fence_of(admin, telemetry)
    at = "last_record_at = last_record_at - interval '1 s'"
    await connection.execute(f"UPDATE consumer_offsets SET {at}")
    assert await adopt_all(connection, admin, telemetry) == [
        "partition 0: record 2 is not the one that was stored; goes from 3 to 0"
    ]
    offset = (await read(connection, fence))[0]
    assert (offset.next_offset, offset.last_record_at, offset.stopped_reason) == (0, None, None)


async def test_adopting_another_cluster(
    connection: asyncpg.Connection, admin: TopicAdmin, telemetry: str
) -> None:
    await begin_offset(connection, Fence("writer", telemetry, "another"), 1, 40)
    (told,) = await adopt_all(connection, admin, telemetry)
    assert told.startswith("partition 1: another cluster")
    assert told.endswith("goes from 40 to 0")
    fence = await fence_of(admin, telemetry)
    assert (await read(connection, fence))[1].cluster_id == fence.cluster_id


async def test_a_plan_is_not_carried_out_where_the_consumer_moved(
    connection: asyncpg.Connection, admin: TopicAdmin, telemetry: str
) -> None:
    fence = await fence_of(admin, telemetry)
    await begin_offset(connection, Fence("writer", telemetry, "another"), 1, 40)
    plan = await plan_adoption(connection, admin, "writer", telemetry)
    await connection.execute("UPDATE consumer_offsets SET next_offset = 41")
    assert await adopt(connection, fence, plan) == plan
