"""A writer that commits offsets before the rows: the oracle has to find the events that it loses.

Run as `python -m tests.faults.broken.offsets_first`, in place of `services.writer`.
"""

from collections.abc import Iterable

import asyncpg

from libs.common.db.offsets import Advance, Fence
from libs.common.db.offsets import claim_offsets as claim_in_transaction
from services.writer.__main__ import main
from services.writer.settings import WriterSettings
from services.writer.store import transaction


async def claim_offsets(
    connection: asyncpg.Connection, fence: Fence, advances: Iterable[Advance]
) -> set[int]:
    """Move the offsets in a transaction of their own."""
    del connection
    own = await asyncpg.connect(WriterSettings().database_url.get_secret_value())
    try:
        return await claim_in_transaction(own, fence, advances)
    finally:
        await own.close()


if __name__ == "__main__":
    transaction.claim_offsets = claim_offsets  # type: ignore[attr-defined]  # what it imported is replaced
    main()
