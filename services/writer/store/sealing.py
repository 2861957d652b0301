"""Sealing: the indexes that hot slices do without are built on a leaf, off the write path.

Each step stands by itself and can be repeated: an index is there and valid, or it is built again.
All of it takes locks that neither readers nor COPY wait for.
"""

from datetime import datetime, timedelta

import asyncpg
from sqlalchemy import Index, MetaData
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql import quoted_name

from libs.common.db.engine import Timeouts
from libs.common.db.migrate import sealed_only_indexes

SEALING_TIMEOUTS = Timeouts(statement=timedelta(hours=2), lock=timedelta(minutes=5))
"""CONCURRENTLY waits for every older snapshot of the database; nobody waits for it meanwhile."""
SEALING_SESSION = {"max_parallel_maintenance_workers": "0", "maintenance_work_mem": "512MB"}
"""A concurrent build sorts every entry of the index once more to see what came meanwhile: trigrams
of 300,000 messages are 12 million. In memory, that index takes a seventh less CPU."""

_LOCK_KEY = 0x6865_6164_7365_616C
_MOST_PENDING_ROW_COUNT = 2_000
"""20,000 rows in the pending list slow a search for a rare word from 0.4 to 6 ms."""


async def is_alone(connection: asyncpg.Connection) -> bool:
    """Tell whether this session is the one that seals; it stays so until it ends."""
    held: bool = await connection.fetchval(
        """
        SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
            AND (classid::bigint << 32 | objid::bigint) = $1) OR pg_try_advisory_lock($1)
        """,
        _LOCK_KEY,
    )
    return held


async def leave_log_as_it_is(connection: asyncpg.Connection) -> None:
    """Let this session's write-ahead log be uncompressed, where its role may decide that.

    Sealing writes whole new pages: to compress them (pglz) is a quarter of its CPU, and saves 260
    bytes a row for as long as the log is kept.
    """
    await connection.execute(
        "SELECT set_config('wal_compression', 'off', false) "
        "WHERE has_parameter_privilege('wal_compression', 'SET')"
    )


async def due_slices(connection: asyncpg.Connection, before: datetime, count: int) -> list[str]:
    """Return hot leaves that ended before a moment, oldest first.

    A slice that was made lately, for old rows, is still being filled.
    """
    rows = await connection.fetch(
        """
        SELECT name FROM slices WHERE state = 'hot' AND greatest(upper_bound, made_at) <= $1
        ORDER BY lower_bound LIMIT $2
        """,
        before,
        count,
    )
    return [row["name"] for row in rows]


async def missing_indexes(connection: asyncpg.Connection, leaf: str) -> list[Index]:
    """Return what has yet to be built on a leaf, in a fixed order."""
    table: str = await connection.fetchval("SELECT table_name FROM slices WHERE name = $1", leaf)
    rows = await connection.fetch(
        """
        SELECT class.relname AS name, parent.relname AS parent FROM pg_index index
        JOIN pg_class class ON class.oid = index.indexrelid
        LEFT JOIN pg_inherits ON pg_inherits.inhrelid = class.oid
        LEFT JOIN pg_class parent ON parent.oid = pg_inherits.inhparent
        WHERE index.indrelid = to_regclass(quote_ident($1)) AND index.indisvalid
        """,
        leaf,
    )
    there = {row["name"] for row in rows} | {row["parent"] for row in rows}
    return [
        index
        for index in sealed_only_indexes()
        if index.table is not None
        and index.table.name == table
        and not {index.name, leaf_index_name(index, leaf)} & there
    ]


async def build(connection: asyncpg.Connection, index: Index, leaf: str) -> None:
    """Build one index on a leaf, after taking away what an interrupted build left."""
    name = leaf_index_name(index, leaf)
    await connection.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
    await connection.execute(index_statement(index, leaf, concurrently=True))


async def finish(connection: asyncpg.Connection, leaf: str) -> None:
    """Give the planner its statistics, which come last, and tell readers."""
    row_count = await read_row_count(connection, leaf)
    await connection.execute(f'VACUUM (FREEZE, ANALYZE) "{leaf}"')
    await connection.execute(
        """
        UPDATE slices SET state = 'sealed', cleaned_row_count = $2, cleaned_at = now()
        WHERE name = $1 AND state = 'hot'
        """,
        leaf,
        row_count,
    )


async def due_cleanings(connection: asyncpg.Connection, before: datetime) -> list[str]:
    """Return sealed leaves that took many late rows, or any and were last cleaned before then."""
    rows = await connection.fetch(
        """
        SELECT name FROM slices JOIN (
            SELECT slice_name, sum(row_count) AS row_count FROM slice_counts GROUP BY slice_name
        ) counted ON slice_name = name
        WHERE state = 'sealed' AND row_count > coalesce(cleaned_row_count, 0) AND (
            row_count >= coalesce(cleaned_row_count, 0) + $2
            OR cleaned_at IS NULL OR cleaned_at <= $1
        ) ORDER BY lower_bound
        """,
        before,
        _MOST_PENDING_ROW_COUNT,
    )
    return [row["name"] for row in rows]


async def clean(connection: asyncpg.Connection, leaf: str) -> None:
    """Let a leaf's GIN indexes take in what late rows have pending: searches scan all of that."""
    row_count = await read_row_count(connection, leaf)
    await connection.execute(
        """
        SELECT gin_clean_pending_list(indexrelid) FROM pg_index
        JOIN pg_class class ON class.oid = indexrelid JOIN pg_am ON pg_am.oid = class.relam
        WHERE indrelid = to_regclass(quote_ident($1)) AND amname = 'gin' AND indisvalid
        """,
        leaf,
    )
    await connection.execute(
        "UPDATE slices SET cleaned_row_count = $2, cleaned_at = now() WHERE name = $1",
        leaf,
        row_count,
    )


async def read_row_count(connection: asyncpg.Connection, *leaves: str) -> int:
    """Return how many rows writers have counted in some leaves."""
    count: int = await connection.fetchval(
        "SELECT coalesce(sum(row_count), 0)::bigint FROM slice_counts WHERE slice_name = ANY ($1)",
        leaves,
    )
    return count


def leaf_index_name(index: Index, leaf: str) -> str:
    """Return the name that an index has on a leaf."""
    if index.table is None or index.name is None:
        raise ValueError("an index of ours has a table and a name")
    return index.name.replace(index.table.name, leaf, 1)


def index_statement(index: Index, leaf: str, *, concurrently: bool) -> str:
    """Return the statement that builds an index of a model on a leaf."""
    if index.table is None:
        raise ValueError("an index of ours has a table")
    copy = index.table.to_metadata(MetaData(), name=leaf)
    made = next(each for each in copy.indexes if each.name == index.name)
    made.name = quoted_name(leaf_index_name(index, leaf), None)
    made.dialect_options["postgresql"]["concurrently"] = concurrently
    return str(CreateIndex(made).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # untyped there
