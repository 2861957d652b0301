"""Reads what the oracle judges, over a connection of its own that no fault touches."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import asyncpg

from libs.common.db.tables import Table
from tests.faults.events import content_hash, milliseconds_of
from tests.faults.oracle import Database, LedgerTotals, StoredRow

CONSUMER = "writer"
SLICED = ("app_logs", "app_exceptions", "performance_samples")

_SHARED = """tableoid::regclass::text AS slice_name, id, created_at, environment, release, source,
    trace_id, session_id, user_id, module, request_path, request_method, status_code, duration_ms,
    count, extra_data::text AS extra_data"""
_LOGS = f"SELECT {_SHARED}, 'log' AS kind, level, message FROM app_logs"
_EXCEPTIONS = f"""SELECT {_SHARED}, 'exception' AS kind, level, message, exception_type,
    stacktrace::text AS stacktrace FROM app_exceptions"""
_SAMPLES = f"SELECT {_SHARED}, kind, statement FROM performance_samples"


async def connect(url: str) -> asyncpg.Connection:
    """Open a connection that gives up soon where the server does not answer."""
    return await asyncpg.connect(url, timeout=5, command_timeout=60)


async def read_database(url: str, key_id: str) -> Database:
    """Read all rows and counts in one snapshot; the ledger of one ingest key."""
    connection = await connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = [
                _stored_row(record)
                for statement in (_LOGS, _EXCEPTIONS, _SAMPLES)
                for record in await connection.fetch(statement)
            ]
            counts = await connection.fetch(
                """SELECT slice_name, sum(row_count)::bigint AS row_count,
                    mod(sum(id_checksum), 2::numeric ^ 128) AS id_checksum
                    FROM slice_counts GROUP BY slice_name"""
            )
            letters = await connection.fetch(
                "SELECT reason, count(*) AS n FROM dead_letters GROUP BY reason"
            )
            return Database(
                rows,
                {r["slice_name"]: (r["row_count"], int(r["id_checksum"])) for r in counts},
                await _ledger(connection, key_id),
                Counter({r["reason"]: r["n"] for r in letters}),
                await _slice_flaws(connection),
            )
    finally:
        await connection.close()


async def _ledger(connection: asyncpg.Connection, key_id: str) -> LedgerTotals:
    received = await connection.fetchrow(
        """SELECT coalesce(sum(accepted), 0)::bigint AS accepted,
            coalesce(sum("unknown"), 0)::bigint AS "unknown"
            FROM ledger_received WHERE key_id = $1""",
        key_id,
    )
    stored = await connection.fetchrow(
        """SELECT coalesce(sum(stored), 0)::bigint AS stored,
            coalesce(sum(aggregated_only), 0)::bigint AS aggregated_only,
            coalesce(sum(duplicate), 0)::bigint AS duplicate,
            coalesce(sum(conflict), 0)::bigint AS conflict,
            coalesce(sum(dead_lettered), 0)::bigint AS dead_lettered
            FROM ledger_stored WHERE key_id = $1""",
        key_id,
    )
    uncounted = await connection.fetchval(
        "SELECT count(*) FROM gateway_boots WHERE ended_at IS NULL"
    )
    return LedgerTotals(**dict(received), **dict(stored), uncounted_boots=uncounted)


async def _slice_flaws(connection: asyncpg.Connection) -> list[str]:
    """Compare `slices` with the attached leaves and, where one is sealed, with its indexes."""
    rows = await connection.fetch(
        """SELECT coalesce(slices.name, leaf.relname) AS name, slices.name IS NULL AS is_unknown,
            leaf.oid IS NULL AS is_missing, state, coalesce(table_name, '') AS table_name,
            (SELECT count(*) FROM pg_index WHERE indrelid = leaf.oid AND indisvalid) AS valid_count
            FROM slices FULL JOIN (
                SELECT oid, relname FROM pg_class JOIN pg_inherits ON inhrelid = oid
                WHERE inhparent = ANY ($1::regclass[])
            ) leaf ON leaf.relname = slices.name""",
        list(SLICED),
    )
    flaws = []
    for row in rows:
        if row["is_unknown"]:
            flaws.append(f"{row['name']}: attached, but not in the table slices")
        elif row["is_missing"]:
            flaws.append(f"{row['name']}: {row['state']}, but not attached")
        elif row["state"] == "sealed":
            wanted = 1 + len(Table.metadata.tables[row["table_name"]].indexes)
            if row["valid_count"] < wanted:
                flaws.append(f"{row['name']}: sealed with {row['valid_count']} of {wanted} indexes")
    return flaws


async def next_offsets(connection: asyncpg.Connection, topic: str) -> dict[int, int]:
    """Return the writer's stored offsets by partition."""
    rows = await connection.fetch(
        "SELECT partition, next_offset FROM consumer_offsets WHERE consumer = $1 AND topic = $2",
        CONSUMER,
        topic,
    )
    return {row["partition"]: row["next_offset"] for row in rows}


async def stopped_partitions(connection: asyncpg.Connection, topic: str) -> dict[int, str]:
    """Return the partitions that stand still until an operator acts, with the reason."""
    rows = await connection.fetch(
        """SELECT partition, stopped_reason FROM consumer_offsets
            WHERE consumer = $1 AND topic = $2 AND stopped_reason IS NOT NULL""",
        CONSUMER,
        topic,
    )
    return {row["partition"]: row["stopped_reason"] for row in rows}


def _stored_row(record: Mapping[str, Any]) -> StoredRow:
    extra = json.loads(record["extra_data"] or "{}")
    own_id = extra.get("own_id")
    stacktrace = record.get("stacktrace")
    content = {
        "kind": record["kind"],
        "created_at": milliseconds_of(record["created_at"]),
        # an id of the sender's has to be kept; where it gave none, only uniqueness counts
        "own_id": str(record["id"]) if own_id is not None else None,
        "environment": record["environment"],
        "release": record["release"],
        "source": record["source"],
        "level": record.get("level"),
        "type": record.get("exception_type"),
        "message": record.get("message"),
        "stacktrace": json.loads(stacktrace) if stacktrace else None,
        "statement": record.get("statement"),
        "session_id": record["session_id"],
        "user_id": record["user_id"],
        "module": record["module"],
        "path": record["request_path"],
        "method": record["request_method"],
        "status": record["status_code"],
        "duration": record["duration_ms"],
        "count": record["count"],
        "extra": extra,
    }
    return StoredRow(record["slice_name"], record["id"], record["trace_id"], content_hash(content))
