"""Slices are there before the rows, of any age, never overlapping; days come and go."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg

from libs.common.clock import SystemClock
from libs.common.kafka.memory import MemoryLog, MemoryReader
from services.writer.domain.arrivals import KINDS
from services.writer.jobs.slicer import Slicer
from services.writer.store.slices import TABLES
from services.writer.store.upkeep import summarize_hot_slices
from tests.integration.writer.running import (
    NOW,
    Writer,
    batch,
    eventually,
    fetch,
    log_row,
    make_writer,
    publish,
    publishing,
    value,
    writing,
)
from tests.stack import Stack

OVERLAPS = """
    SELECT count(*) FROM slices a JOIN slices b USING (table_name)
    WHERE a.name < b.name AND a.lower_bound < b.upper_bound AND b.lower_bound < a.upper_bound
"""


async def offline_writer(database: str) -> Writer:
    log = MemoryLog(SystemClock())
    log.create("telemetry", 3)
    return await make_writer(database, "telemetry", MemoryReader(log, "telemetry"))


async def close(*writers: Writer) -> None:
    for writer in writers:
        await writer.close()


async def test_events_of_many_days_are_all_stored(
    stack: Stack, database: str, telemetry: str
) -> None:
    days = [NOW - timedelta(days=number) for number in range(120)]
    near = [NOW + timedelta(seconds=number) for number in range(0, 300, 7)]
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection),
    ):
        await publish(publisher, telemetry, batch([log_row(day) for day in days]))
        await publish(publisher, telemetry, batch([log_row(moment) for moment in near]))
        await eventually(database, "SELECT count(*) FROM app_logs", 120 + len(near), seconds=60)
    assert await value(database, OVERLAPS) == 0
    misplaced = """
        SELECT count(*) FROM slices s WHERE s.table_name = 'app_logs' AND
            (SELECT coalesce(sum(row_count), 0) FROM slice_counts WHERE slice_name = s.name)
            <> (SELECT count(*) FROM app_logs
                WHERE created_at >= s.lower_bound AND created_at < s.upper_bound)
    """
    assert await value(database, misplaced) == 0


async def test_two_writers_make_the_same_slices_without_overlap(
    stack: Stack, database: str
) -> None:
    writers = [await offline_writer(database) for _ in range(3)]
    for writer, width in zip(writers, (15, 60, 3_600), strict=True):
        writer.slices.hot_widths = dict.fromkeys(TABLES, timedelta(seconds=width))
    await asyncio.gather(*(writer.slices.make_ahead(2) for writer in writers))
    await asyncio.gather(*(writer.slices.make_ahead(3) for writer in writers))
    assert await value(database, OVERLAPS) == 0
    attached = await value(
        database,
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'app_logs'::regclass",
    )
    assert attached == await value(
        database, "SELECT count(*) FROM slices WHERE table_name = 'app_logs'"
    )
    assert attached >= 4
    await close(*writers)


async def test_an_attached_slice_has_the_parents_indexes_and_no_reader_waits(
    stack: Stack, database: str
) -> None:
    writer = await offline_writer(database)
    await writer.slices.load()
    reader = await asyncpg.connect(database)
    async with reader.transaction():
        await reader.fetch("SELECT count(*) FROM app_logs")
        async with asyncio.timeout(2):
            await writer.slices.make_ahead(2)
    await reader.close()
    counts = await fetch(
        database,
        """
        SELECT (SELECT count(*) FROM pg_index WHERE indrelid = 'app_logs'::regclass) AS parent,
            (SELECT count(*) FROM pg_index WHERE indrelid = to_regclass(name)) AS leaf
        FROM slices WHERE table_name = 'app_logs'
        """,
    )
    assert all(row["parent"] == row["leaf"] > 0 for row in counts)
    await close(writer)


async def test_the_slicer_makes_slices_and_days_ahead_and_summarises(
    stack: Stack, database: str
) -> None:
    writer = await offline_writer(database)
    slicer = Slicer(writer.slices, writer.days, writer.fence, writer.reader, SystemClock())
    await slicer.round()
    for kind in KINDS:
        ahead = "SELECT count(*) FROM slices WHERE table_name = $1 AND upper_bound > now()"
        assert await value(database, ahead, kind.table) >= 3
    days = await value(
        database,
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'ingested_batches'::regclass",
    )
    assert days == 2
    await summarize_hot_slices(await writer.slices.database.connect(), datetime.now(UTC))
    await close(writer)


async def test_days_are_dropped_only_when_every_partition_is_far_past_them(
    stack: Stack, database: str
) -> None:
    writer = await offline_writer(database)
    now = datetime.now(UTC)
    old = now - timedelta(days=12)
    await writer.days.ensure([old, now])
    await fetch(
        database,
        """
        INSERT INTO consumer_offsets
            (consumer, topic, partition, next_offset, cluster_id, last_record_at)
        VALUES ('writer', 'telemetry', 0, 5, 'memory', $1),
               ('writer', 'telemetry', 1, 5, 'memory', $1) RETURNING 1
        """,
        old,
    )
    drop = writer.days.drop_stored
    assert await drop(writer.fence, {0: 3, 1: 0, 2: 0}, now) == []  # 0 lags behind in that day
    assert await drop(writer.fence, {0: 0, 1: 0, 2: 7}, now) == []  # 2 was never stored
    assert await drop(writer.fence, {}, now) == []
    assert await drop(writer.fence, {0: 0, 1: 0, 2: 0}, now) == [old.date()]
    await writer.days.ensure([old])  # comes back when it is needed
    assert await drop(writer.fence, {0: 0, 1: 0, 2: 0}, now) == [old.date()]
    await close(writer)


async def test_a_slice_that_vanished_is_made_again_instead_of_refusing_rows(
    stack: Stack, database: str, telemetry: str
) -> None:
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection),
    ):
        await publish(publisher, telemetry, batch([log_row()], uuid4()))
        await eventually(database, "SELECT count(*) FROM app_logs", 1)
        name = await value(database, "SELECT name FROM slices WHERE table_name = 'app_logs'")
        await fetch(database, "DELETE FROM slices WHERE name = $1 RETURNING 1", name)
        connection = await asyncpg.connect(database)
        await connection.execute(f'DROP TABLE "{name}"')
        await connection.close()
        await publish(publisher, telemetry, batch([log_row(), log_row()], uuid4()))
        await eventually(database, "SELECT count(*) FROM app_logs", 2)
    assert await value(database, "SELECT count(*) FROM dead_letters") == 0
