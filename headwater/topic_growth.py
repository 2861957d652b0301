"""Giving a topic more partitions without a batch being stored twice.

All copies of a batch have to meet in one partition, and its number depends on how many there are.
So nothing may be on its way while the number changes: gateways pause, consumers drain, the topic
grows, and all go on. Whoever is killed in between runs the same command again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from headwater.stack.errors import StackError
from headwater.topics import TopicAdmin
from libs.common.db.offsets import Fence, begin_offset, read_offsets
from libs.common.kafka.reader import Span

PAUSE_REASON = "topic_growing"
LOOK_PERIOD = timedelta(seconds=0.3)
# Gateways write a sign of life every 5 s.
SIGN_OF_LIFE = timedelta(seconds=15)
# One that was silent for longer than that has surely been replaced.
FORGOTTEN = timedelta(minutes=10)


@dataclass(frozen=True)
class Growth:
    """What is to be done."""

    topic: str
    partition_count: int
    readers: Sequence[str]
    """Consumers that have to drain, by their names in `consumer_offsets`."""
    deadline: timedelta = timedelta(minutes=2)
    """For each of the two waits before anything changes."""
    assume_dead: bool = False
    """Do not wait for gateways that fell silent without saying goodbye."""
    resume: timedelta = timedelta(seconds=30)
    """For gateways to publish again."""


async def grow_topic(
    growth: Growth, connection: asyncpg.Connection, admin: TopicAdmin, tell: Callable[[str], None]
) -> None:
    """Raise the number of partitions while nothing is on its way.

    Raises StackError where gateways do not pause or consumers do not drain in time: then nothing
    was changed and everything goes on as before.
    """
    states = await admin.states([growth.topic])
    if not states:
        raise StackError(f"there is no topic {growth.topic}")
    state = states[0]
    if growth.partition_count < state.partition_count:
        raise StackError(f"{growth.topic} has {state.partition_count} partitions; none can go")
    await _pause(connection, growth.topic)
    try:
        tell("Gateways answer 503 now; waiting until all of them have paused")
        await _wait(growth.deadline, lambda: _gateways_not_paused(connection, growth))
        tell("Waiting until everything published is stored")
        await _wait(growth.deadline, lambda: _readers_behind(connection, admin, growth))
        if growth.partition_count > state.partition_count:
            await admin.add_partitions(growth.topic, growth.partition_count)
        await _begin_new_partitions(connection, admin, growth)
    finally:
        await _go_on(connection, growth.topic)
    tell(f"{growth.topic} has {growth.partition_count} partitions; waiting until gateways go on")
    try:
        await _wait(growth.resume, lambda: _gateways_still_paused(connection))
    except StackError as error:
        # The growth itself is done; one that is slow, or gone without a word, goes on by itself.
        tell(f"Done, but {error}")
    else:
        tell("Gateways publish again")


async def _pause(connection: asyncpg.Connection, topic: str) -> None:
    await connection.execute(
        "INSERT INTO topic_pauses (topic, reason) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        topic,
        PAUSE_REASON,
    )


async def _go_on(connection: asyncpg.Connection, topic: str) -> None:
    await connection.execute("DELETE FROM topic_pauses WHERE topic = $1", topic)


async def _wait(limit: timedelta, what_is_missing: Callable[[], Awaitable[list[str]]]) -> None:
    until = time.monotonic() + limit.total_seconds()
    while missing := await what_is_missing():
        if time.monotonic() >= until:
            raise StackError(f"gave up waiting for: {', '.join(missing)}")
        await asyncio.sleep(LOOK_PERIOD.total_seconds())


async def _gateways_not_paused(connection: asyncpg.Connection, growth: Growth) -> list[str]:
    heard_within = SIGN_OF_LIFE if growth.assume_dead else FORGOTTEN
    return [
        f"gateway {row['instance']}"
        + ("" if row["lives"] else " (silent; --assume-dead if it surely does not run)")
        for row in await _gateways(connection, is_paused=False, heard_within=heard_within)
    ]


async def _gateways_still_paused(connection: asyncpg.Connection) -> list[str]:
    rows = await _gateways(connection, is_paused=True, heard_within=SIGN_OF_LIFE)
    return [f"gateway {row['instance']}" for row in rows]


async def _gateways(
    connection: asyncpg.Connection, *, is_paused: bool, heard_within: timedelta
) -> list[asyncpg.Record]:
    """Return the gateways that have not ended, and whether each still shows signs of life."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT DISTINCT instance, flushed_at > now() - $1::interval AS lives
        FROM gateway_boots AS boot
        WHERE ended_at IS NULL AND is_paused = $3 AND flushed_at > now() - $2::interval
            AND NOT EXISTS (
                SELECT FROM gateway_boots AS successor
                WHERE successor.instance = boot.instance AND successor.started_at > boot.started_at
            )
        """,
        SIGN_OF_LIFE,
        heard_within,
        is_paused,
    )
    return rows


async def _readers_behind(
    connection: asyncpg.Connection, admin: TopicAdmin, growth: Growth
) -> list[str]:
    spans = await admin.spans(growth.topic)
    behind = []
    for reader in growth.readers:
        stored = await read_offsets(connection, await _fence(admin, growth, reader))
        for partition, span in spans.items():
            offset = stored[partition].next_offset if partition in stored else span.start
            if offset < span.end:
                behind.append(f"{reader}, partition {partition}: {span.end - offset} records")
    return behind


async def _begin_new_partitions(
    connection: asyncpg.Connection, admin: TopicAdmin, growth: Growth
) -> None:
    """Say where readers begin, so that they never take a new partition for a lost one."""
    spans: dict[int, Span] = await admin.spans(growth.topic)
    for reader in growth.readers:
        fence = await _fence(admin, growth, reader)
        for partition, span in spans.items():
            if span.end == 0:
                await begin_offset(connection, fence, partition, 0)


async def _fence(admin: TopicAdmin, growth: Growth, reader: str) -> Fence:
    return Fence(reader, growth.topic, await admin.cluster_id())
