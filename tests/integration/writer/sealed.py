"""Slices with counted rows, sealers, and a process that seals once."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from libs.common.clock import SettableClock
from libs.common.db.engine import Timeouts
from libs.common.events import columns
from libs.common.telemetry.metrics import Metrics
from services.writer.domain.counting import SliceCounts, count_rows
from services.writer.domain.slicing import Bounds, SliceMap
from services.writer.jobs.merger import Merger
from services.writer.jobs.sealer import Sealer
from services.writer.store.connection import Database
from services.writer.store.counts import add_slice_counts
from services.writer.store.failpoints import Failpoint
from services.writer.store.sealing import SEALING_SESSION, SEALING_TIMEOUTS
from services.writer.store.slices import attach_slice, read_map
from tests.integration.writer.running import AnyRow, log_row

PAST = datetime(2026, 11, 23, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
GRACE = timedelta(minutes=2)


def make_sealer(
    database: str,
    timeouts: Timeouts = SEALING_TIMEOUTS,
    failpoint: str = "",
    merge_from_count: int = 160,
) -> Sealer:
    """Return a sealer for which today's slices are long past."""
    clock = SettableClock(datetime.now(UTC) + timedelta(days=1))
    metrics = Metrics()
    merger = Merger(clock, metrics, Failpoint(failpoint), merge_from_count)
    return Sealer(Database(database, timeouts, SEALING_SESSION), clock, metrics, GRACE, merger)


async def add_rows(
    connection: asyncpg.Connection,
    rows: Sequence[AnyRow],
    known: SliceMap | None = None,
    table: str = "app_logs",
) -> None:
    """Store rows of one kind and count them, as the writer does."""
    names = columns(type(rows[0]))
    async with connection.transaction():
        slices = known or await read_map(connection, table)
        records = [tuple(getattr(row, name) for name in names) for row in rows]
        await connection.copy_records_to_table(table, records=records, columns=names)
        counts: SliceCounts = {}
        # the map may be older than a merge, as the writer's may
        count_rows(slices, {0: records[::2], 1: records[1::2]}, counts)
        await add_slice_counts(connection, counts)


async def add_slice(connection: asyncpg.Connection, lower: datetime, row_count: int) -> str:
    """Attach a slice of an hour with rows evenly in it."""
    name = await attach_slice(connection, "app_logs", Bounds(lower, lower + HOUR))
    step = HOUR / max(row_count, 1)
    await add_rows(connection, [log_row(lower + number * step) for number in range(row_count)])
    return name


async def check_counts(connection: asyncpg.Connection) -> None:
    """Compare every slice's rows and checksum with the counted ones; none lies elsewhere."""
    rows = await connection.fetch("SELECT tableoid::regclass::text AS name, id FROM app_logs")
    real: dict[str, tuple[int, int]] = {}
    for row in rows:
        count, checksum = real.get(row["name"], (0, 0))
        real[row["name"]] = (count + 1, (checksum + row["id"].int) % (1 << 128))
    counted = await connection.fetch(
        """
        SELECT slice_name, sum(row_count)::bigint AS row_count, sum(id_checksum) AS id_checksum
        FROM slice_counts GROUP BY slice_name
        """
    )
    assert real == {
        row["slice_name"]: (row["row_count"], int(row["id_checksum"]) % (1 << 128))
        for row in counted
        if row["row_count"]
    }
    listed = "SELECT name FROM slices WHERE table_name = 'app_logs' ORDER BY name"
    attached = """
        SELECT inhrelid::regclass::text AS name FROM pg_inherits
        WHERE inhparent = 'app_logs'::regclass ORDER BY name
    """
    assert await connection.fetch(listed) == await connection.fetch(attached)


async def _seal_once(database: str, failpoint: str) -> None:
    sealer = make_sealer(database, failpoint=failpoint, merge_from_count=1)
    await sealer.round()
    await sealer.database.close()


if __name__ == "__main__":
    asyncio.run(_seal_once(sys.argv[1], sys.argv[2]))
