"""The identities of stored batches."""

from collections.abc import Collection, Sequence

import asyncpg

from services.writer.domain.arrivals import Arrival, Identity

LOOKUP_SESSION = {
    # A poll looks up hundreds of random ids in each of some nine days. The index costs the same
    # whatever the size of a day; a plan that reads whole days, or hashes them, does not. The
    # planner would choose one from stale statistics of a day that was empty a moment ago.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}


async def find_known_batches(
    connection: asyncpg.Connection, identities: Collection[Identity]
) -> dict[Identity, bytes]:
    """Return the identities that are stored, over all days, with their body's HMAC."""
    wanted = set(identities)
    rows = await connection.fetch(
        """
        SELECT application, batch_id, body_hmac FROM ingested_batches
        WHERE batch_id = ANY ($1::uuid[])
        """,
        list({batch_id for _, batch_id in wanted}),
    )
    return {
        identity: row["body_hmac"]
        for row in rows
        if (identity := (row["application"], row["batch_id"])) in wanted
    }


async def add_batches(connection: asyncpg.Connection, arrivals: Sequence[Arrival]) -> None:
    """Keep the identities of new batches."""
    await connection.copy_records_to_table(
        "ingested_batches",
        records=[
            (
                arrival.header.batch_id,
                arrival.header.application,
                arrival.seen_at,
                arrival.header.body_hmac,
            )
            for arrival in arrivals
        ],
        columns=("batch_id", "application", "first_seen", "body_hmac"),
    )
