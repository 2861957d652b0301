"""Polls that are stored in several transactions at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from libs.common.clock import SystemClock
from libs.common.events import encode_batch
from libs.common.kafka.consumer import Fenced
from libs.common.kafka.memory import MemoryLog, MemoryReader, MemoryRecord
from libs.common.kafka.positions import Take
from services.writer.consumer import WriterSink
from services.writer.domain.arrivals import Item
from services.writer.domain.lanes import LEAST_EVENT_COUNT
from tests.integration.writer.running import (
    NOW,
    batch,
    eventually,
    fetch,
    key_of,
    log_row,
    make_writer,
    value,
)

PARTITIONS = (0, 1)
ROWS = LEAST_EVENT_COUNT
OFFSETS = "SELECT partition, next_offset FROM consumer_offsets ORDER BY partition"


@asynccontextmanager
async def a_sink(database: str) -> AsyncIterator[WriterSink]:
    reader = MemoryReader(MemoryLog(SystemClock()), "telemetry")
    writer = await make_writer(database, "telemetry", reader)
    try:
        yield writer.sink
    finally:
        await writer.close()


def poll(sink: WriterSink) -> list[Take[Item]]:
    """Make a poll of one batch in each partition, heavy enough for two transactions."""
    takes = []
    for partition in PARTITIONS:
        record = batch([log_row() for _ in range(ROWS)])
        kept = MemoryRecord(
            partition, 0, int(NOW.timestamp() * 1_000), key_of(record), encode_batch(record)
        )
        takes.append(Take(partition, 0, [kept], [sink.prepare(kept)[0]]))
    return takes


async def offsets(database: str) -> list[tuple[int, int]]:
    return [(row["partition"], row["next_offset"]) for row in await fetch(database, OFFSETS)]


async def stored_counts(database: str) -> list[int]:
    """Return the rows in the table, by the slices' counts, and by the ledger."""
    statements = (
        "SELECT count(*) FROM app_logs",
        "SELECT coalesce(sum(row_count), 0)::int FROM slice_counts",
        "SELECT coalesce(sum(stored), 0)::int FROM ledger_stored",
    )
    return [await value(database, statement) for statement in statements]


async def test_a_heavy_poll_is_stored_by_two_transactions(database: str) -> None:
    async with a_sink(database) as sink:
        for partition in PARTITIONS:
            await sink.begin_offset(partition, 0)
        await sink.store(poll(sink))
    assert await offsets(database) == [(0, 1), (1, 1)]
    assert await stored_counts(database) == [2 * ROWS] * 3
    transactions = "SELECT count(DISTINCT xmin::text)::int FROM consumer_offsets"
    assert await value(database, transactions) == 2


async def test_a_transaction_that_is_fenced_takes_nothing_from_the_other(database: str) -> None:
    async with a_sink(database) as sink:
        await sink.begin_offset(0, 0)
        await sink.begin_offset(1, 5)
        with pytest.raises(Fenced):
            await sink.store(poll(sink))
    assert await offsets(database) == [(0, 1), (1, 5)]
    assert await stored_counts(database) == [ROWS] * 3


async def test_a_lost_connection_fails_its_transaction_alone_and_is_made_again(
    database: str,
) -> None:
    async with a_sink(database) as sink:
        for partition in PARTITIONS:
            await sink.begin_offset(partition, 0)
        takes = poll(sink)
        holder = await asyncpg.connect(database)
        try:
            async with holder.transaction():
                await holder.execute("SELECT FROM consumer_offsets WHERE partition = 1 FOR UPDATE")
                storing = asyncio.create_task(sink.store(takes))
                await eventually(database, "SELECT count(*) FROM app_logs", ROWS)
                assert not storing.done()
                await holder.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
                with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                    await storing
        finally:
            await holder.close()
        assert await offsets(database) == [(0, 1), (1, 0)]
        await sink.store([take for take in takes if take.partition == 1])
    assert await offsets(database) == [(0, 1), (1, 1)]
    assert await stored_counts(database) == [2 * ROWS] * 3
