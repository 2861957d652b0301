"""Merging: sealed neighbours are copied into one leaf, which then takes their place at once.

What is being built, and what was replaced, stands in `slice_leftovers`: whatever a killed process
leaves there is dropped, and the merge begins anew. Up to the swap nobody but us knows the new
leaf; the swap is one transaction, so that readers see the rows of a range once, before or after.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from sqlalchemy import Index

from libs.common.db.tables import Table
from libs.common.ids import CHECKSUM_MODULUS
from libs.common.telemetry.logs import get_logger
from services.writer.domain.errors import MergeMismatch, MergeOvertaken
from services.writer.domain.merging import Merge, Part
from services.writer.domain.slicing import Bounds
from services.writer.store.failpoints import Failpoint
from services.writer.store.sealing import index_statement, read_row_count
from services.writer.store.slices import LOCK_KEY

log = get_logger(__name__)

_SUMS = """
    SELECT count(*), coalesce(sum(high), 0) AS high, coalesce(sum(low), 0) AS low,
        count(*) FILTER (WHERE low < 0) AS borrowed
    FROM (
        SELECT ('x' || left(hex, 16))::bit(64)::bigint AS high,
            ('x' || right(hex, 16))::bit(64)::bigint AS low
        FROM (SELECT replace(id::text, '-', '') AS hex FROM copied) ids
    ) halves
"""


@dataclass(frozen=True)
class Content:
    """How many rows, and the sum of their ids modulo 2^128."""

    row_count: int = 0
    id_checksum: int = 0

    def plus(self, other: "Content") -> "Content":
        id_checksum = (self.id_checksum + other.id_checksum) % CHECKSUM_MODULUS
        return Content(self.row_count + other.row_count, id_checksum)


Contents = Mapping[str, Content]
"""What was copied, by source."""


async def read_parts(connection: asyncpg.Connection, table: str) -> list[Part]:
    """Return all slices of a table, archived ones too, in order of time."""
    rows = await connection.fetch(
        """
        SELECT name, lower_bound, upper_bound, state, coalesce((
            SELECT sum(row_count) FROM slice_counts WHERE slice_name = slices.name
        ), 0)::bigint AS row_count
        FROM slices WHERE table_name = $1 ORDER BY lower_bound
        """,
        table,
    )
    return [
        Part(r["name"], Bounds(r["lower_bound"], r["upper_bound"]), r["state"], r["row_count"])
        for r in rows
    ]


async def drop_leftovers(connection: asyncpg.Connection) -> list[str]:
    """Drop what was replaced, or never finished; return the names."""
    rows = await connection.fetch(
        """
        SELECT name, coalesce(relispartition, false) AS is_attached
        FROM slice_leftovers LEFT JOIN pg_class ON oid = to_regclass(quote_ident(name))
        """
    )
    for row in rows:
        name = row["name"]
        if row["is_attached"]:
            raise MergeOvertaken(f"{name} is attached and yet said to be a leftover")
        async with connection.transaction():
            await connection.execute(f'DROP TABLE IF EXISTS "{name}"')
            await connection.execute("DELETE FROM slice_leftovers WHERE name = $1", name)
    return [row["name"] for row in rows]


async def create(connection: asyncpg.Connection, merge: Merge) -> None:
    """Make the new leaf, empty; its CHECK spares the swap a scan."""
    lower, upper = merge.bounds.lower.isoformat(), merge.bounds.upper.isoformat()
    async with connection.transaction():
        await connection.execute("INSERT INTO slice_leftovers (name) VALUES ($1)", merge.name)
        await connection.execute(
            f"""
            CREATE TABLE "{merge.name}" (LIKE "{merge.table}" INCLUDING DEFAULTS
                INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION,
                CONSTRAINT within CHECK (created_at >= '{lower}' AND created_at < '{upper}')
            ) WITH (autovacuum_enabled = false)
            """
        )


async def fill(connection: asyncpg.Connection, merge: Merge) -> Contents:
    """Copy all rows of one moment; raises MergeMismatch where a source is not as counted."""
    columns = await _columns(connection, merge)
    copied = {}
    # one snapshot: rows and counts were stored in the same transactions
    async with connection.transaction(isolation="repeatable_read"):
        for source in merge.sources:
            rows = f'SELECT {columns} FROM "{source.name}" ORDER BY created_at, id'  # noqa: S608 - ours
            copied[source.name] = await _insert(connection, merge, rows)
        _compare(copied, await _counted(connection, merge))
    return copied


async def build_indexes(
    connection: asyncpg.Connection, merge: Merge, copied: Contents, failpoint: Failpoint
) -> Contents:
    """Build the indexes of a sealed slice, fetch late rows, and outwait older snapshots.

    Rows that were copied are invisible to whoever has a snapshot from before. Building the last
    index CONCURRENTLY waits until nobody has one.
    """
    await connection.execute(f'ALTER TABLE "{merge.name}" ADD PRIMARY KEY (created_at, id)')
    *indexes, last = _indexes(merge.table)
    for index in indexes:
        await connection.execute(index_statement(index, merge.name, concurrently=False))
    failpoint.reach("merge_indexed")
    async with connection.transaction(isolation="repeatable_read"):
        copied = await _catch_up(connection, merge, copied)
    await connection.execute(index_statement(last, merge.name, concurrently=True))
    await connection.execute(f'VACUUM (FREEZE, ANALYZE) "{merge.name}"')
    return copied


async def swap(
    connection: asyncpg.Connection,
    merge: Merge,
    copied: Contents,
    patience: timedelta,
    failpoint: Failpoint,
) -> None:
    """Put the new leaf in the place of its sources, with the late rows that came meanwhile.

    Readers and writers of the table wait while it waits for its locks, so not for long. Raises
    asyncpg.LockNotAvailableError then, and MergeOvertaken where the slices are not as planned.
    """
    async with connection.transaction():
        await connection.execute(
            f"SET LOCAL lock_timeout = {patience // timedelta(milliseconds=1)}"
        )
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)
        # the parent first, as everybody does: a writer has it locked before any leaf
        leaves = ", ".join(f'"{name}"' for name in (*_names(merge), merge.name))
        await connection.execute(f'LOCK TABLE ONLY "{merge.table}" IN ACCESS EXCLUSIVE MODE')
        await connection.execute(f"LOCK TABLE {leaves} IN ACCESS EXCLUSIVE MODE")
        await _check_as_planned(connection, merge)
        clean = await read_row_count(connection, *_names(merge))
        late = await _catch_up(connection, merge, copied)
        clean -= sum(late[name].row_count - copied[name].row_count for name in copied)
        for name in _names(merge):
            await connection.execute(f'ALTER TABLE "{merge.table}" DETACH PARTITION "{name}"')
        await connection.execute(
            f"""
            ALTER TABLE "{merge.table}" ATTACH PARTITION "{merge.name}" FOR VALUES
                FROM ('{merge.bounds.lower.isoformat()}') TO ('{merge.bounds.upper.isoformat()}');
            ALTER TABLE "{merge.name}" DROP CONSTRAINT within, RESET (autovacuum_enabled);
            """
        )
        await _record(connection, merge, clean)
        failpoint.reach("merge_swapping")


async def _columns(connection: asyncpg.Connection, merge: Merge) -> str:
    rows = await connection.fetch(
        """
        SELECT quote_ident(attname) AS name FROM pg_attribute
        WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum
        """,
        merge.table,
    )
    return ", ".join(row["name"] for row in rows)


async def _catch_up(connection: asyncpg.Connection, merge: Merge, copied: Contents) -> Contents:
    """Copy the late rows of sources that were given some; raises MergeMismatch."""
    counted = await _counted(connection, merge)
    columns = await _columns(connection, merge)
    now = dict(copied)
    for source in merge.sources:
        if counted[source.name] == copied[source.name]:
            continue
        rows = f"""
            SELECT {columns} FROM "{source.name}" late
            WHERE NOT EXISTS (SELECT FROM "{merge.name}" there
                WHERE there.created_at = late.created_at AND there.id = late.id)
        """  # noqa: S608 - names of ours
        added = await _insert(connection, merge, rows)
        now[source.name] = copied[source.name].plus(added)
    _compare(now, counted)
    return now


async def _insert(connection: asyncpg.Connection, merge: Merge, rows: str) -> Content:
    columns = await _columns(connection, merge)
    row = await connection.fetchrow(
        f'WITH copied AS (INSERT INTO "{merge.name}" ({columns}) {rows} RETURNING id) {_SUMS}'
    )
    checksum = ((int(row["high"]) + row["borrowed"]) << 64) + int(row["low"])
    return Content(row["count"], checksum % CHECKSUM_MODULUS)


async def _counted(connection: asyncpg.Connection, merge: Merge) -> dict[str, Content]:
    rows = await connection.fetch(
        """
        SELECT slice_name, sum(row_count)::bigint AS row_count, sum(id_checksum) AS id_checksum
        FROM slice_counts WHERE slice_name = ANY ($1) GROUP BY slice_name
        """,
        _names(merge),
    )
    counted = dict.fromkeys(_names(merge), Content())
    for row in rows:
        checksum = int(row["id_checksum"]) % CHECKSUM_MODULUS
        counted[row["slice_name"]] = Content(row["row_count"], checksum)
    return counted


def _compare(copied: Contents, counted: Contents) -> None:
    for name, content in copied.items():
        if content != counted[name]:
            raise MergeMismatch(
                name, f"{content.row_count} rows copied, {counted[name].row_count} counted"
            )


async def _check_as_planned(connection: asyncpg.Connection, merge: Merge) -> None:
    rows = await connection.fetch(
        """
        SELECT name FROM slices WHERE table_name = $1 AND lower_bound < $3 AND upper_bound > $2
            AND (state = 'sealed' OR NOT name = ANY ($4)) ORDER BY lower_bound
        """,
        merge.table,
        merge.bounds.lower,
        merge.bounds.upper,
        _names(merge),
    )
    if [row["name"] for row in rows] != _names(merge):
        raise MergeOvertaken(f"the slices that become {merge.name} have changed")


async def _record(connection: asyncpg.Connection, merge: Merge, cleaned_row_count: int) -> None:
    names = _names(merge)
    await connection.execute("DELETE FROM slices WHERE name = ANY ($1)", names)
    await connection.execute(
        """
        INSERT INTO slices
            (name, table_name, lower_bound, upper_bound, state, cleaned_row_count, cleaned_at)
        VALUES ($1, $2, $3, $4, 'sealed', $5, now())
        """,
        merge.name,
        merge.table,
        merge.bounds.lower,
        merge.bounds.upper,
        cleaned_row_count,
    )
    await connection.execute(
        """
        INSERT INTO slice_counts (slice_name, partition, row_count, id_checksum)
        SELECT $1, partition, sum(row_count), mod(sum(id_checksum), $3)
        FROM slice_counts WHERE slice_name = ANY ($2) GROUP BY partition
        """,
        merge.name,
        names,
        CHECKSUM_MODULUS,
    )
    await connection.execute("DELETE FROM slice_counts WHERE slice_name = ANY ($1)", names)
    await connection.execute("DELETE FROM slice_leftovers WHERE name = $1", merge.name)
    await connection.execute("INSERT INTO slice_leftovers (name) SELECT unnest($1::text[])", names)


def _names(merge: Merge) -> list[str]:
    return [source.name for source in merge.sources]


def _indexes(table: str) -> list[Index]:
    """Return all indexes of a sealed leaf but its primary key."""
    return sorted(Table.metadata.tables[table].indexes, key=lambda index: str(index.name))
