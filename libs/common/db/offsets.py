"""The fence: a consumer's offsets live in Postgres and move in the transaction of its rows.

Kafka's own generation check does not protect a foreign database. The compare-and-set here does:
whoever does not find the offset that it expects is not the owner any more and stores nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from libs.common.kafka.records import Record, record_time


@dataclass(frozen=True)
class Fence:
    """Whose offsets: the consumer, what it reads, and the cluster that it reads it from."""

    consumer: str
    topic: str
    cluster_id: str


@dataclass(frozen=True)
class StoredOffset:
    """Where a consumer stands in a partition, and how to recognise the record before."""

    partition: int
    next_offset: int
    cluster_id: str
    last_key: bytes | None = None
    last_record_at: datetime | None = None
    stopped_reason: str | None = None

    def is_last(self, record: Record) -> bool:
        """Tell whether this record is the one that was stored last."""
        return (
            record.offset == self.next_offset - 1
            and (record.key or b"") == (self.last_key or b"")
            and record_time(record.timestamp) == self.last_record_at
        )


@dataclass(frozen=True)
class Advance:
    """A move of one partition's offset, valid only from `expected`."""

    partition: int
    expected: int
    next_offset: int
    last_key: bytes | None
    last_record_at: datetime


async def read_offsets(
    connection: asyncpg.Connection, fence: Fence, partitions: Collection[int] | None = None
) -> dict[int, StoredOffset]:
    """Return the stored offsets by partition; those that were never stored are missing."""
    rows = await connection.fetch(
        """
        SELECT partition, next_offset, cluster_id, last_key, last_record_at, stopped_reason
        FROM consumer_offsets
        WHERE consumer = $1 AND topic = $2 AND ($3::int[] IS NULL OR partition = ANY ($3))
        """,
        fence.consumer,
        fence.topic,
        None if partitions is None else list(partitions),
    )
    return {row["partition"]: StoredOffset(**dict(row)) for row in rows}


async def begin_offset(
    connection: asyncpg.Connection, fence: Fence, partition: int, next_offset: int
) -> None:
    """Store a first offset where there is none; another instance may have been first."""
    await connection.execute(
        """
        INSERT INTO consumer_offsets (consumer, topic, partition, next_offset, cluster_id)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
        """,
        fence.consumer,
        fence.topic,
        partition,
        next_offset,
        fence.cluster_id,
    )


async def claim_offsets(
    connection: asyncpg.Connection, fence: Fence, advances: Iterable[Advance]
) -> set[int]:
    """Move offsets by compare-and-set in the running transaction; return the partitions moved.

    Rows are locked in the order of partitions, so that two instances cannot deadlock. A partition
    that is missing in the answer belongs to another instance, or was stopped: roll back.
    """
    moves = sorted(advances, key=lambda move: move.partition)
    rows = await connection.fetch(
        """
        WITH move AS (
            SELECT * FROM unnest($4::int[], $5::bigint[], $6::bigint[], $7::bytea[],
                                 $8::timestamptz[])
                AS move (partition, expected, next_offset, last_key, last_record_at)
        ), held AS (
            SELECT stored.partition FROM consumer_offsets stored
            JOIN move ON move.partition = stored.partition
                AND move.expected = stored.next_offset
            WHERE stored.consumer = $1 AND stored.topic = $2 AND stored.cluster_id = $3
                AND stored.stopped_reason IS NULL
            ORDER BY stored.partition FOR UPDATE OF stored
        )
        UPDATE consumer_offsets stored
        SET next_offset = move.next_offset, last_key = move.last_key,
            last_record_at = move.last_record_at, updated_at = now()
        FROM move JOIN held ON held.partition = move.partition
        WHERE stored.consumer = $1 AND stored.topic = $2 AND stored.partition = move.partition
            AND stored.next_offset = move.expected
        RETURNING stored.partition
        """,
        fence.consumer,
        fence.topic,
        fence.cluster_id,
        [move.partition for move in moves],
        [move.expected for move in moves],
        [move.next_offset for move in moves],
        [move.last_key for move in moves],
        [move.last_record_at for move in moves],
    )
    return {row["partition"] for row in rows}


async def stop_partition(
    connection: asyncpg.Connection, fence: Fence, partition: int, reason: str
) -> None:
    """Let a partition stand still until `headwater topics adopt`; a first reason stays."""
    await connection.execute(
        """
        UPDATE consumer_offsets SET stopped_reason = $4, updated_at = now()
        WHERE consumer = $1 AND topic = $2 AND partition = $3 AND stopped_reason IS NULL
        """,
        fence.consumer,
        fence.topic,
        partition,
        reason,
    )
