"""Dead letters in Postgres: the only place where they are."""

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from services.writer.domain.arrivals import STAGE
from services.writer.domain.letters import Letter


async def add_letters(
    connection: asyncpg.Connection, topic: str, letters: Iterable[Letter]
) -> None:
    """Keep new letters; a replay that was refused again opens its own letter again."""
    for letter in letters:
        if letter.replays is not None:
            await connection.execute(
                """
                UPDATE dead_letters
                SET dead_lettered_count = dead_lettered_count + 1, status = 'open',
                    reason = $2, sqlstate = $3, decided_at = NULL, decided_by = NULL
                WHERE id = $1
                """,
                letter.replays,
                letter.reason,
                letter.sqlstate,
            )
            continue
        await connection.execute(
            """
            INSERT INTO dead_letters (id, stage, reason, sqlstate, topic, partition, record_offset,
                application, key_id, received_at, batch_id, event_kind, payload, payload_bytes,
                payload_hmac)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
            ON CONFLICT (id) DO NOTHING
            """,
            letter.id,
            STAGE,
            letter.reason,
            letter.sqlstate,
            topic,
            letter.partition,
            letter.record_offset,
            letter.application,
            letter.key_id,
            letter.received_at,
            letter.batch_id,
            letter.event_kind,
            letter.payload,
            letter.payload_bytes,
            letter.payload_hmac,
        )


async def mark_replayed(connection: asyncpg.Connection, letter_ids: Iterable[UUID]) -> None:
    """Close the letters whose events this transaction stores."""
    ids = sorted(letter_ids)
    if ids:
        await connection.execute(
            """
            UPDATE dead_letters SET status = 'replayed', decided_at = now() WHERE id = ANY ($1)
            """,
            ids,
        )
