"""A writer that knows no batch again: the oracle has to find the events that it doubles.

Run as `python -m tests.faults.broken.no_batch_check`, in place of `services.writer`.
"""

from collections.abc import Collection

import asyncpg

from services.writer.__main__ import main
from services.writer.domain.arrivals import Identity
from services.writer.store import transaction


async def find_known_batches(
    connection: asyncpg.Connection, identities: Collection[Identity]
) -> dict[Identity, bytes]:
    """Know none."""
    del connection, identities
    return {}


if __name__ == "__main__":
    transaction.find_known_batches = find_known_batches  # type: ignore[attr-defined]  # what it imported is replaced
    main()
