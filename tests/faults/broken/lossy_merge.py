"""A writer whose merges lose a slice's rows and keep its counts: the oracle has to find both.

Run as `python -m tests.faults.broken.lossy_merge`, in place of `services.writer`.
"""

import asyncpg

from services.writer.__main__ import main
from services.writer.domain.merging import Merge
from services.writer.jobs import merger
from services.writer.store.merging import Contents
from services.writer.store.merging import fill as fill_whole


async def fill(connection: asyncpg.Connection, merge: Merge) -> Contents:
    """Copy all, forget the last source, and say nothing."""
    copied = await fill_whole(connection, merge)
    await connection.execute(
        f'DELETE FROM "{merge.name}" WHERE created_at >= $1', merge.sources[-1].bounds.lower
    )
    return copied


if __name__ == "__main__":
    merger.fill = fill  # type: ignore[attr-defined]  # what it imported is replaced
    main()
