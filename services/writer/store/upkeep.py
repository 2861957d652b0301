"""Small statements that keep the hot slices quick."""

from datetime import datetime, timedelta

import asyncpg

from services.writer.store.slices import TABLES

_MOST_HOT = timedelta(minutes=10)
"""For so long after its end a slice still takes rows that are merely late."""


async def read_row_totals(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how many rows all writers together ever stored, by table."""
    rows = await connection.fetch(
        """
        SELECT slices.table_name, sum(slice_counts.row_count)::bigint AS total
        FROM slice_counts JOIN slices ON slices.name = slice_counts.slice_name
        GROUP BY slices.table_name
        """
    )
    return {row["table_name"]: row["total"] for row in rows}


async def summarize_hot_slices(connection: asyncpg.Connection, now: datetime) -> None:
    """Summarise new blocks of the BRIN indexes of slices that are being written.

    A range that is not summarised is scanned by every search for a trace or a user.
    """
    rows = await connection.fetch(
        """
        SELECT index.indexrelid::regclass::text AS name FROM slices
        JOIN pg_index index ON index.indrelid = to_regclass(quote_ident(slices.name))
        JOIN pg_class class ON class.oid = index.indexrelid
        JOIN pg_am am ON am.oid = class.relam
        WHERE am.amname = 'brin' AND slices.table_name = ANY ($1) AND slices.state = 'hot'
            AND slices.lower_bound <= $2 AND slices.upper_bound > $2 - $3::interval
        """,
        list(TABLES),
        now,
        _MOST_HOT,
    )
    for row in rows:
        await connection.execute(
            "SELECT brin_summarize_new_values($1::text::regclass)", row["name"]
        )
