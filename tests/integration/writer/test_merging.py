"""Merging on a real PostgreSQL: killed at each step, beside readers and late rows."""

import asyncio
import random
import signal
import sys
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from libs.common.db.engine import Timeouts
from libs.common.db.migrate import apply_index_policy, sealed_only_indexes
from libs.common.events import LogRow
from services.writer.domain.errors import MergeOvertaken, SliceMissing
from services.writer.domain.merging import Merge, merge_of
from services.writer.domain.slicing import Bounds
from services.writer.jobs import merger as merging
from services.writer.jobs.sealer import Sealer
from services.writer.store.failpoints import MERGING_STEPS, SEALING_STEPS
from services.writer.store.merging import (
    build_indexes,
    create,
    drop_leftovers,
    fill,
    read_parts,
    swap,
)
from services.writer.store.sealing import leaf_index_name, missing_indexes
from services.writer.store.slices import attach_slice, read_map
from tests.integration.writer.running import (
    batch,
    eventually,
    log_row,
    publish,
    publishing,
    writing,
)
from tests.integration.writer.sealed import (
    HOUR,
    PAST,
    add_rows,
    add_slice,
    check_counts,
    make_sealer,
)
from tests.stack import Stack

ALL = "SELECT id FROM app_logs ORDER BY created_at, id"
INDEX_COUNT = sum(i.table is not None and i.table.name == "app_logs" for i in sealed_only_indexes())
"""Of the indexes that sealing builds on a slice of logs."""
ATTACHED = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'app_logs'::regclass"


async def add_sealed(
    connection: asyncpg.Connection, sealer: Sealer, count: int, row_count: int = 40
) -> Merge:
    """Make sealed slices, with a gap after the first, and the merge of them all."""
    for number in range(count):
        await add_slice(connection, PAST + (number + (number > 0)) * HOUR, row_count)
    await sealer.round()
    return merge_of("app_logs", await read_parts(connection, "app_logs"))


async def check_merged(connection: asyncpg.Connection, merge: Merge) -> None:
    rows = await connection.fetch(
        "SELECT name, state, lower_bound, upper_bound FROM slices WHERE table_name = 'app_logs'"
    )
    assert [tuple(row) for row in rows] == [
        (merge.name, "sealed", merge.bounds.lower, merge.bounds.upper)
    ]
    assert await missing_indexes(connection, merge.name) == []
    assert await connection.fetchval("SELECT count(*) FROM slice_leftovers") == 0
    assert await connection.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    leaves = "SELECT count(*) FROM pg_class WHERE relname ~ '^app_logs_\\d' AND relkind = 'r'"
    assert await connection.fetchval(leaves) == 1
    # the parent's indexes were taken over, none was built a second time
    wanted = INDEX_COUNT + await connection.fetchval(
        "SELECT count(*) FROM pg_index WHERE indrelid = 'app_logs'::regclass"
    )
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = $1"
    assert await connection.fetchval(indexes, merge.name) == wanted
    constraints = """
        SELECT count(*) FROM pg_constraint
        WHERE conrelid = to_regclass(quote_ident($1)) AND contype = 'c'
    """
    assert await connection.fetchval(constraints, merge.name) == 0
    options = "SELECT reloptions FROM pg_class WHERE relname = $1"
    assert await connection.fetchval(options, merge.name) is None
    await check_counts(connection)


async def test_neighbours_become_one_slice_and_that_one_merges_again(
    connection: asyncpg.Connection, sealer: Sealer
) -> None:
    merge = await add_sealed(connection, sealer, 5)
    before = await connection.fetch(ALL)
    working = await sealer.database.connect()
    await sealer.merger.merge(working, merge)
    assert await connection.fetch(ALL) == before
    await check_merged(connection, merge)
    await add_slice(connection, merge.bounds.upper, 10)
    await sealer.round()
    again = merge_of("app_logs", await read_parts(connection, "app_logs"))
    assert (merge.name[-3:], again.name[-3:]) == ("_m1", "_m2")
    await sealer.merger.merge(working, again)
    assert len(await connection.fetch(ALL)) == len(before) + 10
    await check_merged(connection, again)


async def test_plans_use_the_indexes_of_a_merged_slice(
    connection: asyncpg.Connection, sealer: Sealer
) -> None:
    await add_slice(connection, PAST, 1_500)
    await add_rows(connection, [log_row(PAST, message="a needle in it", trace_id="t-1")])
    merge = await add_sealed_after(connection, sealer)
    await sealer.merger.merge(await sealer.database.connect(), merge)
    lower, upper = merge.bounds.lower.isoformat(), merge.bounds.upper.isoformat()

    async def plan(condition: str) -> str:
        rows = await connection.fetch(
            f"""EXPLAIN SELECT * FROM app_logs
                WHERE created_at >= '{lower}' AND created_at < '{upper}' AND {condition}"""
        )
        return "\n".join(row[0] for row in rows)

    for condition, index in (
        ("trace_id = 't-1'", "trace_id"),
        ("message ILIKE '%needle%'", "message"),
        ("user_id = 'absent'", "user_id_created_at"),
        ("""extra_data @> '{"cart": 99}'""", "extra_data"),
    ):
        assert f"ix_{merge.name}_{index}" in await plan(condition), condition
    ordered = await plan("true ORDER BY created_at DESC, id DESC LIMIT 10")
    assert "Sort" not in ordered


async def add_sealed_after(connection: asyncpg.Connection, sealer: Sealer) -> Merge:
    await add_slice(connection, PAST + HOUR, 1_500)
    await sealer.round()
    return merge_of("app_logs", await read_parts(connection, "app_logs"))


@pytest.mark.parametrize(
    "failpoint",
    [
        *(f"{step}:kill" for step in (*SEALING_STEPS, *MERGING_STEPS)),
        f"seal_built:kill:{INDEX_COUNT}",  # the last index, and nobody is told yet
        f"seal_built:kill:{INDEX_COUNT + 3}",  # in the second slice
    ],
)
async def test_a_process_that_is_killed_at_any_step_is_followed_by_another(
    database: str, connection: asyncpg.Connection, failpoint: str
) -> None:
    for number in range(4):
        await add_slice(connection, PAST + number * HOUR, 30)
    before = await connection.fetch(ALL)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.writer.sealed", database, failpoint)
    )
    async with asyncio.timeout(60):
        assert await process.wait() == -signal.SIGKILL
    assert await connection.fetch(ALL) == before
    await add_rows(connection, [log_row(PAST + number * HOUR) for number in range(4)])
    await check_counts(connection)
    follower = make_sealer(database, merge_from_count=1)
    async with asyncio.timeout(60):
        while await connection.fetchval(ATTACHED) > 1:
            await follower.round()
            await asyncio.sleep(0.05)
        await follower.round()
    await follower.database.close()
    assert len(await connection.fetch(ALL)) == len(before) + 4
    (only,) = await read_parts(connection, "app_logs")
    assert (only.state, only.row_count) == ("sealed", len(before) + 4)
    assert await connection.fetchval("SELECT count(*) FROM slice_leftovers") == 0
    await check_counts(connection)


async def test_readers_and_late_rows_beside_merging(
    database: str, connection: asyncpg.Connection, sealer: Sealer
) -> None:
    """Every read sees each old row once; every late row is stored once and counted."""
    merge = await add_sealed(connection, sealer, 6, row_count=300)
    before = [row["id"] for row in await connection.fetch(ALL)]
    known = set(before)
    done = asyncio.Event()
    late: list[LogRow] = []
    read_count = 0

    async def read() -> None:
        nonlocal read_count
        reader = await asyncpg.connect(database)
        while not done.is_set():
            found = [row["id"] for row in await reader.fetch(ALL)]
            assert [row_id for row_id in found if row_id in known] == before
            assert len(set(found)) == len(found)
            read_count += 1
        await reader.close()

    async def come_late() -> None:
        writer = await asyncpg.connect(database)
        chance = random.Random(3)
        stale = await read_map(writer, "app_logs")
        while not done.is_set():
            source = chance.choice(merge.sources)
            rows = [log_row(source.bounds.lower + chance.random() * HOUR) for _ in range(3)]
            try:
                await add_rows(writer, rows, stale)
            except SliceMissing:
                stale = await read_map(writer, "app_logs")
                continue
            late.extend(rows)
            await asyncio.sleep(0.002)
        await writer.close()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        tasks.create_task(read())
        tasks.create_task(come_late())
        try:
            await sealer.merger.merge(await sealer.database.connect(), merge)
            await asyncio.sleep(0.1)
        finally:
            done.set()
    assert read_count > 3
    found = [row["id"] for row in await connection.fetch(ALL)]
    assert sorted(found) == sorted([*before, *(row.id for row in late)])
    await check_merged(connection, merge)


async def test_rows_between_the_last_look_and_the_swap_are_taken_along(
    connection: asyncpg.Connection, sealer: Sealer
) -> None:
    merge = await add_sealed(connection, sealer, 3)
    working = await sealer.database.connect()
    await create(working, merge)
    copied = await fill(working, merge)
    early = [log_row(PAST), log_row(PAST + 2 * HOUR)]
    await add_rows(connection, early)
    copied = await build_indexes(working, merge, copied, sealer.merger.failpoint)
    assert sum(content.row_count for content in copied.values()) == 3 * 40 + 2
    await add_rows(connection, [log_row(PAST + 3 * HOUR)])
    await swap(working, merge, copied, timedelta(seconds=1), sealer.merger.failpoint)
    assert await connection.fetchval("SELECT count(*) FROM app_logs") == 3 * 40 + 3
    counted = await connection.fetchrow("SELECT name, cleaned_row_count FROM slices")
    assert tuple(counted) == (merge.name, 3 * 40 + 2)
    await drop_leftovers(working)
    await check_merged(connection, merge)


async def test_a_reader_with_an_older_snapshot_is_outwaited(
    database: str, connection: asyncpg.Connection, sealer: Sealer
) -> None:
    merge = await add_sealed(connection, sealer, 2)
    reader = await asyncpg.connect(database)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetchval("SELECT count(*) FROM slices")  # a snapshot, and no lock on rows
        work = asyncio.create_task(sealer.merger.merge(await sealer.database.connect(), merge))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'virtualxid'"
        async with asyncio.timeout(20):
            while not await connection.fetchval(waiting):  # noqa: ASYNC110 - asks a database
                await asyncio.sleep(0.02)
        async with asyncio.timeout(2):  # nobody waits meanwhile
            await add_rows(connection, [log_row(PAST)])
        assert await reader.fetchval("SELECT count(*) FROM app_logs") == 80
    await work
    await reader.close()
    assert await connection.fetchval("SELECT count(*) FROM app_logs") == 81
    await check_merged(connection, merge)


async def test_a_reader_of_the_table_holds_up_the_swap_for_as_long_as_it_reads(
    database: str, connection: asyncpg.Connection, sealer: Sealer
) -> None:
    merge = await add_sealed(connection, sealer, 2)
    reader = await asyncpg.connect(database)
    async with reader.transaction():
        await reader.fetchval("SELECT count(*) FROM app_logs")
        work = asyncio.create_task(sealer.merger.merge(await sealer.database.connect(), merge))
        await asyncio.sleep(1.5)  # several tries
        assert not work.done()
        async with asyncio.timeout(2):
            await add_rows(connection, [log_row(PAST)])
            assert await reader.fetchval("SELECT count(*) FROM app_logs") == 81
    await work
    await reader.close()
    await check_merged(connection, merge)


async def test_slices_that_changed_meanwhile_are_left_alone(
    connection: asyncpg.Connection, sealer: Sealer
) -> None:
    merge = await add_sealed(connection, sealer, 2)
    working = await sealer.database.connect()
    await create(working, merge)
    copied = await fill(working, merge)
    copied = await build_indexes(working, merge, copied, sealer.merger.failpoint)
    gap = Bounds(PAST + HOUR, PAST + 2 * HOUR)
    await attach_slice(connection, "app_logs", gap)
    with pytest.raises(MergeOvertaken):
        await swap(working, merge, copied, timedelta(seconds=1), sealer.merger.failpoint)
    assert await connection.fetchval(ATTACHED) == 3
    await sealer.round()
    assert await connection.fetchval("SELECT count(*) FROM slice_leftovers") == 0
    await check_counts(connection)


async def test_a_slice_whose_rows_are_not_as_counted_is_not_rewritten(
    connection: asyncpg.Connection, sealer: Sealer
) -> None:
    sealer.merger.from_count = 1
    for number in range(3):
        await add_slice(connection, PAST + number * HOUR, 20)
    (bad, *_) = await read_parts(connection, "app_logs")
    await connection.execute(
        "UPDATE slice_counts SET id_checksum = id_checksum + 1 WHERE slice_name = $1", bad.name
    )
    await sealer.round()
    parts = await read_parts(connection, "app_logs")
    assert [part.row_count for part in parts] == [20, 40]
    mismatches = sealer.metrics.counter("headwater_slice_mismatches_total")
    assert mismatches._value.get() == 1
    assert await connection.fetchval("SELECT count(*) FROM app_logs") == 60


async def test_eager_indexes_are_taken_over_by_a_merged_slice(
    database: str, connection: asyncpg.Connection, sealer: Sealer
) -> None:
    await apply_index_policy(database, eager=True)
    merge = await add_sealed(connection, sealer, 3)
    await sealer.merger.merge(await sealer.database.connect(), merge)
    assert await missing_indexes(connection, merge.name) == []
    twice = """
        SELECT count(*) - count(DISTINCT inhparent) FROM pg_inherits
        JOIN pg_index ON indexrelid = inhrelid WHERE indrelid = to_regclass(quote_ident($1))
    """
    assert await connection.fetchval(twice, merge.name) == 0
    await check_counts(connection)


async def test_a_running_writer_stores_late_rows_into_slices_that_were_merged(
    stack: Stack, database: str, telemetry: str
) -> None:
    days = [PAST - number * timedelta(days=1) for number in range(4)]
    follower = make_sealer(database, merge_from_count=1)
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection) as writer,
    ):
        await publish(publisher, telemetry, batch([log_row(day) for day in days], uuid4()))
        await eventually(database, "SELECT count(*) FROM app_logs", 4)
        await follower.round()
        await eventually(database, ATTACHED, 1)
        # the writer's map still has the names of before
        assert len(writer.slices.maps["app_logs"].names) == 4
        await publish(publisher, telemetry, batch([log_row(day) for day in days], uuid4()))
        await eventually(database, "SELECT count(*) FROM app_logs", 8)
        assert len(writer.slices.maps["app_logs"].names) == 1
    checking = await asyncpg.connect(database)
    await check_counts(checking)
    assert await checking.fetchval("SELECT count(*) FROM dead_letters") == 0
    await checking.close()
    await follower.database.close()


async def test_a_lock_that_never_comes_ends_the_try_not_the_slices(
    database: str, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "_MOST_TRIES", 2)
    hasty = make_sealer(database, Timeouts(lock=timedelta(seconds=1)))
    merge = await add_sealed(connection, hasty, 2)
    holder = await asyncpg.connect(database)
    async with holder.transaction():
        await holder.execute("LOCK TABLE app_logs IN ROW EXCLUSIVE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await hasty.merger.merge(await hasty.database.connect(), merge)
    await holder.close()
    assert await connection.fetchval(ATTACHED) == 2
    await hasty.merger.merge_next(await hasty.database.connect())
    assert await connection.fetchval("SELECT count(*) FROM slice_leftovers") == 0
    await hasty.database.close()


def test_names_of_merged_leaves_indexes_fit() -> None:
    for index in sealed_only_indexes():
        assert index.table is not None
        name = leaf_index_name(index, f"{index.table.name}_20261124t120000_m99")
        assert len(name) <= 63
