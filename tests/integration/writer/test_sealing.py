"""Sealing on a real PostgreSQL: interrupted, held up, beside late rows; readers never notice."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from libs.common.clock import SettableClock
from libs.common.db.engine import Timeouts
from libs.common.db.migrate import apply_index_policy, sealed_only_indexes
from libs.common.ids import new_uuid7
from services.writer.domain.merging import merge_of
from services.writer.domain.slicing import Bounds
from services.writer.jobs.sealer import Sealer
from services.writer.store.merging import read_parts
from services.writer.store.sealing import (
    build,
    leaf_index_name,
    leave_log_as_it_is,
    missing_indexes,
)
from services.writer.store.slices import TABLES, attach_slice
from tests.integration.writer.running import AnyRow, exception_row, log_row, sample_row
from tests.integration.writer.sealed import (
    GRACE,
    HOUR,
    PAST,
    add_rows,
    add_slice,
    make_sealer,
)

WANTED = [i for i in sealed_only_indexes() if i.table is not None and i.table.name == "app_logs"]


async def state_of(connection: asyncpg.Connection, leaf: str) -> str:
    state: str = await connection.fetchval("SELECT state FROM slices WHERE name = $1", leaf)
    return state


async def check_sealed(connection: asyncpg.Connection, leaf: str, row_count: int) -> None:
    assert await state_of(connection, leaf) == "sealed"
    assert await missing_indexes(connection, leaf) == []
    names = await connection.fetch("SELECT indexname FROM pg_indexes WHERE tablename = $1", leaf)
    assert {leaf_index_name(index, leaf) for index in WANTED} <= {row[0] for row in names}
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert await connection.fetchval(invalid) == 0
    assert await connection.fetchval(f'SELECT count(*) FROM "{leaf}"') == row_count


async def test_the_log_of_sealing_is_not_compressed(
    connection: asyncpg.Connection, sealer: Sealer
) -> None:
    before = await connection.fetchval("SHOW wal_compression")
    assert before != "off"
    # a role that may not decide it
    await connection.execute("SET ROLE pg_monitor")
    await leave_log_as_it_is(connection)
    assert await connection.fetchval("SHOW wal_compression") == before
    await sealer.round()
    sealing = await sealer.database.connect()
    assert await sealing.fetchval("SHOW wal_compression") == "off"


async def test_past_slices_are_sealed_and_others_are_not(
    connection: asyncpg.Connection, sealer: Sealer
) -> None:
    past = await add_slice(connection, PAST, 500)
    exceptions = await attach_slice(connection, "app_exceptions", Bounds(PAST, PAST + HOUR))
    assert isinstance(sealer.clock, SettableClock)
    now = sealer.clock.now()
    current = await add_slice(connection, now - HOUR / 2, 10)
    ended = await add_slice(connection, now - HOUR / 2 - HOUR - GRACE / 2, 10)
    assert await sealer.round() >= 2
    await check_sealed(connection, past, 500)
    assert await state_of(connection, exceptions) == "sealed"
    assert await state_of(connection, current) == "hot"
    sealer.clock.move_to(now + HOUR)
    assert await sealer.round() == 1
    await check_sealed(connection, ended, 10)
    assert await sealer.round() == 0


async def test_plans_use_what_was_built(connection: asyncpg.Connection, sealer: Sealer) -> None:
    leaf = await add_slice(connection, PAST, 3_000)
    await add_rows(connection, [log_row(PAST, message="a needle in it", trace_id="t-1")])
    await sealer.round()

    async def plan(condition: str) -> str:
        rows = await connection.fetch(f'EXPLAIN SELECT * FROM "{leaf}" WHERE {condition}')
        return "\n".join(row[0] for row in rows)

    for condition, index in (
        ("trace_id = 't-1'", "trace_id"),
        ("message ILIKE '%needle%'", "message"),
        ("module = 'absent'", "module"),
        ("user_id = 'absent'", "user_id_created_at"),
        ("""extra_data @> '{"cart": 99}'""", "extra_data"),
    ):
        assert f"ix_{leaf}_{index}" in await plan(condition), condition


@pytest.mark.parametrize("step", range(0, len(WANTED), 2))
async def test_a_sealer_that_is_killed_while_building_is_followed_by_another(
    database: str, connection: asyncpg.Connection, sealer: Sealer, step: int
) -> None:
    leaf = await add_slice(connection, PAST, 200)
    first = make_sealer(database)
    builder = await first.database.connect()
    for index in WANTED[:step]:
        await build(builder, index, leaf)
    reader = await asyncpg.connect(database)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetchval("SELECT count(*) FROM app_logs")
        # the build waits for the reader's snapshot, and there it is killed
        building = asyncio.create_task(build(builder, WANTED[step], leaf))
        await until_waiting(connection)
        await connection.execute("SELECT pg_terminate_backend($1)", builder.get_server_pid())
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await building
    await reader.close()
    left = await connection.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
    assert left == 1
    assert await state_of(connection, leaf) == "hot"
    assert await sealer.round() == 1
    await check_sealed(connection, leaf, 200)


async def until_waiting(connection: asyncpg.Connection) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'virtualxid'"
    async with asyncio.timeout(20):
        while not await connection.fetchval(waiting):  # noqa: ASYNC110 - asks a database
            await asyncio.sleep(0.02)


async def test_a_long_reader_holds_up_the_sealer_and_nobody_else(
    database: str, connection: asyncpg.Connection
) -> None:
    leaf = await add_slice(connection, PAST, 200)
    hasty = make_sealer(database, Timeouts(lock=timedelta(seconds=1)))
    reader = await asyncpg.connect(database)
    try:
        async with reader.transaction(isolation="repeatable_read"):
            seen = await reader.fetchval("SELECT count(*) FROM app_logs")
            sealing = asyncio.create_task(hasty.round())
            await until_waiting(connection)
            async with asyncio.timeout(1):  # late rows and new readers do not wait
                await add_rows(connection, [log_row(PAST) for _ in range(10)])
                assert await connection.fetchval("SELECT count(*) FROM app_logs") == seen + 10
            with pytest.raises(asyncpg.LockNotAvailableError):
                await sealing
            assert await reader.fetchval("SELECT count(*) FROM app_logs") == seen
        assert await state_of(connection, leaf) == "hot"
        assert await hasty.round() == 1
        await check_sealed(connection, leaf, 210)
    finally:
        await reader.close()
        await hasty.database.close()


async def test_a_lock_on_the_leaf_is_waited_for(
    database: str, connection: asyncpg.Connection
) -> None:
    leaf = await add_slice(connection, PAST, 50)
    hasty = make_sealer(database, Timeouts(lock=timedelta(seconds=0.3)))
    holder = await asyncpg.connect(database)
    try:
        async with holder.transaction():
            await holder.execute(f'LOCK TABLE "{leaf}" IN SHARE UPDATE EXCLUSIVE MODE')
            with pytest.raises(asyncpg.LockNotAvailableError):
                await hasty.round()
        assert await hasty.round() == 1
        await check_sealed(connection, leaf, 50)
    finally:
        await holder.close()
        await hasty.database.close()


async def test_late_rows_during_and_after_sealing_are_kept_and_found(
    database: str, connection: asyncpg.Connection, sealer: Sealer
) -> None:
    leaf = await add_slice(connection, PAST, 2_000)
    done = asyncio.Event()

    async def come_late() -> int:
        count = 0
        writer = await asyncpg.connect(database)
        while not done.is_set():
            await add_rows(writer, [log_row(PAST, message="late row") for _ in range(7)])
            count += 7
            await asyncio.sleep(0.005)
        await writer.close()
        return count

    late = asyncio.create_task(come_late())
    assert await sealer.round() == 1
    await asyncio.sleep(0.05)
    done.set()
    count = await late
    assert count > 0
    await check_sealed(connection, leaf, 2_000 + count)
    await connection.execute("SET enable_seqscan = off")
    found = "SELECT count(*) FROM app_logs WHERE message ILIKE '%late row%'"
    assert await connection.fetchval(found) == count


async def test_slices_of_the_largest_random_values_are_sealed_and_merged(
    connection: asyncpg.Connection, sealer: Sealer
) -> None:
    source = random.Random(7)

    def text(size: int) -> str:
        return "".join(chr(source.randrange(0x4E00, 0x9FFF)) for _ in range(size // 3))

    def shared(moment: datetime) -> dict[str, Any]:
        return {
            "id": new_uuid7(moment),
            "trace_id": text(256),
            "user_id": text(256),
            "session_id": text(256),
            "module": text(256),
            "source": text(256),
            "request_path": text(2_000),
            "extra_data": '{"' + text(300) + '": "' + text(60_000) + '"}',
        }

    moments = [PAST + hours * HOUR + n * timedelta(seconds=1) for hours in (0, 1) for n in range(8)]
    for table in TABLES:
        for hours in (0, 1):
            lower = PAST + hours * HOUR
            await attach_slice(connection, table, Bounds(lower, lower + HOUR))
    logs = [log_row(moment, **shared(moment), message=text(32 * 1024)) for moment in moments]
    exceptions = [
        exception_row(m, **shared(m), message=text(32 * 1024), exception_type=text(512))
        for m in moments
    ]
    samples = [
        sample_row(moment, **shared(moment), statement=text(32 * 1024)) for moment in moments
    ]
    kinds: tuple[Sequence[AnyRow], ...] = (logs, exceptions, samples)
    for table, rows in zip(TABLES, kinds, strict=True):
        await add_rows(connection, rows, table=table)
    assert await sealer.round() == 2 * len(TABLES)
    for table in TABLES:
        merge = merge_of(table, await read_parts(connection, table))
        await sealer.merger.merge(await sealer.database.connect(), merge)
        assert await state_of(connection, merge.name) == "sealed"
        assert await missing_indexes(connection, merge.name) == []
        assert await connection.fetchval(f'SELECT count(*) FROM "{merge.name}"') == len(moments)


async def test_one_seals_at_a_time_and_the_next_takes_over(
    database: str, connection: asyncpg.Connection, sealer: Sealer
) -> None:
    assert await sealer.round() == 0
    await add_slice(connection, PAST, 10)
    other = make_sealer(database)
    try:
        assert await other.round() == 0
        await sealer.database.close()
        assert await other.round() == 1
    finally:
        await other.database.close()


async def test_stopping_ends_a_build_that_waits(
    database: str, connection: asyncpg.Connection, sealer: Sealer
) -> None:
    from libs.common.runtime import LoopWatch  # noqa: PLC0415 - only here

    await add_slice(connection, PAST, 10)
    stop = asyncio.Event()
    reader = await asyncpg.connect(database)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetchval("SELECT count(*) FROM app_logs")
        running = asyncio.create_task(sealer.run(stop, LoopWatch(sealer.clock)))
        await until_waiting(connection)
        stop.set()
        async with asyncio.timeout(5):
            await running
            await sealer.database.close()
    await reader.close()


async def test_indexes_of_the_policy_count_and_their_going_unseals(
    database: str, connection: asyncpg.Connection, sealer: Sealer
) -> None:
    leaf = await add_slice(connection, PAST, 100)
    await apply_index_policy(database, eager=True)
    assert await missing_indexes(connection, leaf) == []
    assert await sealer.round() == 1
    assert await state_of(connection, leaf) == "sealed"
    await apply_index_policy(database, eager=False)
    assert await state_of(connection, leaf) == "hot"
    assert await sealer.round() == 1
    await check_sealed(connection, leaf, 100)
    await apply_index_policy(database, eager=True)  # takes over what is there
    assert await state_of(connection, leaf) == "sealed"
    assert await missing_indexes(connection, leaf) == []


def test_names_of_leaf_indexes_fit() -> None:
    for index in sealed_only_indexes():
        assert index.table is not None
        name = leaf_index_name(index, f"{index.table.name}_20261124t120000")
        assert len(name) <= 63


async def test_indexes_are_cleaned_after_late_rows(
    connection: asyncpg.Connection, sealer: Sealer
) -> None:
    leaf = await add_slice(connection, PAST, 300)
    other = await add_slice(connection, PAST + HOUR, 300)
    await sealer.round()
    cleaned = "SELECT cleaned_row_count FROM slices WHERE name = $1"
    assert await connection.fetchval(cleaned, leaf) == 300
    assert isinstance(sealer.clock, SettableClock)
    sealer.clock.move_to(datetime.now(UTC))  # just cleaned: a few rows may wait
    await add_rows(connection, [log_row(PAST) for _ in range(50)])
    await sealer.round()
    assert await connection.fetchval(cleaned, leaf) == 300
    assert await pending_pages(connection, leaf) > 0
    await add_rows(connection, [log_row(PAST) for _ in range(50)])
    sealer.clock.move_to(datetime.now(UTC) + timedelta(minutes=6))
    await sealer.round()
    assert await connection.fetchval(cleaned, leaf) == 400
    assert await pending_pages(connection, leaf) == 0
    sealer.clock.move_to(datetime.now(UTC))
    await add_rows(connection, [log_row(PAST + HOUR) for _ in range(2_000)])  # many do not wait
    await sealer.round()
    assert await connection.fetchval(cleaned, other) == 2_300
    assert await pending_pages(connection, other) == 0


async def pending_pages(connection: asyncpg.Connection, leaf: str) -> int:
    """Return how many pages the text index has pending; asking cleans them."""
    count: int = await connection.fetchval(
        "SELECT gin_clean_pending_list(to_regclass($1))", f"ix_{leaf}_message"
    )
    return count
