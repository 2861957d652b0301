"""What makes storing exact: batch identities, offsets, dead letters and the ledger."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.db.tables.metadata import Table


class IngestedBatch(Table):
    """A batch whose rows are stored. Written by the writer; partitioned by day of `first_seen`.

    A unique key over all days is not possible on a partitioned table; it is not needed either: all
    copies of an identity lie in one Kafka partition, whose one owner looks it up before inserting.
    """

    __tablename__ = "ingested_batches"

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    application: Mapped[str] = mapped_column(primary_key=True)
    first_seen: Mapped[datetime] = mapped_column(primary_key=True)
    """Kafka's time of the first copy."""
    body_hmac: Mapped[bytes] = mapped_column(LargeBinary())

    __table_args__ = ({"postgresql_partition_by": "RANGE (first_seen)"},)


class ConsumerOffset(Table):
    """The next offset of a consumer in a Kafka partition: the truth. Each row by its consumer."""

    __tablename__ = "consumer_offsets"

    consumer: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    next_offset: Mapped[int] = mapped_column(BigInteger())
    cluster_id: Mapped[str]
    last_key: Mapped[bytes | None] = mapped_column(LargeBinary())
    """Key of the record at next_offset - 1: tells a recreated topic from the one we read."""
    last_record_at: Mapped[datetime | None]
    """Kafka time of that record."""
    stopped_reason: Mapped[str | None]
    """Why the partition stands still until an operator acts; None while it moves."""
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class DeadLetter(Table):
    """Events that could not be stored. Written by the consumer in `stage`; status by query."""

    __tablename__ = "dead_letters"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    stage: Mapped[str]
    reason: Mapped[str]
    sqlstate: Mapped[str | None]
    topic: Mapped[str]
    partition: Mapped[int]
    record_offset: Mapped[int] = mapped_column(BigInteger())
    application: Mapped[str | None]
    key_id: Mapped[str | None]
    received_at: Mapped[datetime | None]
    batch_id: Mapped[UUID | None]
    event_kind: Mapped[str | None]
    """`log`, `exception`, `sample`; None where the record could not be decoded."""
    event_count: Mapped[int] = mapped_column(server_default="1")
    payload: Mapped[dict[str, Any] | None]
    """The redacted row by column name; None where the record could not be decoded."""
    payload_bytes: Mapped[int] = mapped_column(server_default="0")
    payload_hmac: Mapped[bytes | None] = mapped_column(LargeBinary())
    dead_lettered_count: Mapped[int] = mapped_column(server_default="1")
    status: Mapped[str] = mapped_column(server_default="open")
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("status IN ('open', 'replaying', 'replayed', 'discarded')", name="status"),
        Index("ix_dead_letters_status_created_at_id", "status", "created_at", "id"),
    )


class LedgerReceived(Table):
    """What a gateway process took in, by key and hour, cumulative per boot. Written by ingest."""

    __tablename__ = "ledger_received"

    boot_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    """Hour of `received_at`."""
    received: Mapped[int] = mapped_column(BigInteger())
    accepted: Mapped[int] = mapped_column(BigInteger())
    unknown: Mapped[int] = mapped_column(BigInteger())
    """Events answered 503 after a send whose outcome nobody knows."""
    rejected: Mapped[dict[str, Any]]
    """Events rejected, by reason."""

    __table_args__ = (Index("ix_ledger_received_hour", "hour"),)


class GatewayBoot(Table):
    """One run of a gateway process. Written by ingest."""

    __tablename__ = "gateway_boots"

    boot_id: Mapped[UUID] = mapped_column(primary_key=True)
    instance: Mapped[str]
    started_at: Mapped[datetime]
    flushed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """Set by the last flush; a boot without it that flushes no more left its hours `uncounted`."""
    is_paused: Mapped[bool] = mapped_column(server_default="false")
    """It has seen that the topic is paused and publishes nothing."""


class LedgerStored(Table):
    """What became of events, by key and hour of `received_at`. Written by the writer."""

    __tablename__ = "ledger_stored"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    """Kafka partition: every partition's owner counts in rows of its own."""
    stored: Mapped[int] = mapped_column(BigInteger(), server_default="0")
    aggregated_only: Mapped[int] = mapped_column(BigInteger(), server_default="0")
    duplicate: Mapped[int] = mapped_column(BigInteger(), server_default="0")
    conflict: Mapped[int] = mapped_column(BigInteger(), server_default="0")
    """Of the duplicates, those whose body differed from the first copy's."""
    dead_lettered: Mapped[int] = mapped_column(BigInteger(), server_default="0")

    __table_args__ = (Index("ix_ledger_stored_hour", "hour"),)


class TopicPause(Table):
    """A topic that gateways must not publish to just now. Written by `headwater topics grow`."""

    __tablename__ = "topic_pauses"

    topic: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    since: Mapped[datetime] = mapped_column(server_default=text("now()"))
