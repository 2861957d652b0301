"""Dead letters: what is kept of an event that could not be stored."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import msgspec

from libs.common.events.records import Row
from libs.common.ids import batch_key, entropy_of, milliseconds, position_entropy, uuid7
from services.writer.domain.arrivals import Arrival, Kind, Undecodable

_NAMESPACE = UUID("5b2e6f0a-3c83-4a3e-9c0e-6d3a5c1f7d21")
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Letter:
    """One dead letter. Its id follows from its place in the log, so that a retry makes no other."""

    id: UUID
    reason: str
    sqlstate: str | None
    partition: int
    record_offset: int
    application: str | None = None
    key_id: str | None = None
    received_at: datetime | None = None
    batch_id: UUID | None = None
    event_kind: str | None = None
    payload: str | None = None
    """The redacted row by column name, as JSON."""
    payload_bytes: int = 0
    payload_hmac: bytes | None = None
    replays: UUID | None = None
    """The letter whose replay was refused again; it takes the place of a new one."""


@dataclass(frozen=True)
class RefusedRow:
    """A row that Postgres did not take."""

    kind: Kind
    row: Row
    arrival: Arrival
    position: int
    """Place of the row in its batch, over all kinds in their order."""
    reason: str
    sqlstate: str | None


def row_letter(topic: str, refused: RefusedRow) -> Letter:
    """Make the letter of a refused row."""
    arrival, header = refused.arrival, refused.arrival.header
    values = {
        name: _storable(value)
        for name, value in zip(refused.kind.columns, refused.row, strict=True)
    }
    payload = msgspec.json.encode(values).decode()
    return Letter(
        id=_letter_id(topic, arrival.partition, arrival.offset, arrival.seen_at, refused.position),
        reason=refused.reason,
        sqlstate=refused.sqlstate,
        partition=arrival.partition,
        record_offset=arrival.offset,
        application=header.application,
        key_id=header.key_id,
        received_at=header.received_at,
        batch_id=header.batch_id,
        event_kind=refused.kind.name,
        payload=payload,
        payload_bytes=len(payload.encode()),
        replays=header.letter_id,
    )


def record_letter(topic: str, record: Undecodable, secret: bytes) -> Letter:
    """Make the letter of a record that nobody can read: its length, HMAC and place only.

    The bytes may hold anything, also what redaction never saw, and so are not kept.
    """
    return Letter(
        id=_letter_id(topic, record.partition, record.offset, record.seen_at, 0),
        reason=f"undecodable record: {record.reason}"[:1_000],
        sqlstate=None,
        partition=record.partition,
        record_offset=record.offset,
        payload_bytes=len(record.value),
        payload_hmac=hmac.new(secret, record.value, hashlib.sha256).digest(),
    )


def under_derived_id(kind: Kind, row: Row, arrival: Arrival, position: int) -> Row:
    """Give a row whose id is taken the id that follows from its place; the client's is kept."""
    identity = batch_key(arrival.header.application, arrival.header.batch_id) + b"\0clash"
    entropy = entropy_of(position_entropy(identity, position + 1), position)
    created_at, row_id = row[0], row[1]
    at = kind.columns.index("extra_data")
    found = msgspec.json.decode(str(row[at] or "{}"))
    extra = found if isinstance(found, dict) else {}
    extra.setdefault("client_event_id", str(row_id))
    text = msgspec.json.encode(extra).decode()
    derived = uuid7(milliseconds(created_at), entropy)  # type: ignore[arg-type]  # a row's fields are typed in its struct
    return (created_at, derived, *row[2:at], text, *row[at + 1 :])


def _letter_id(topic: str, partition: int, offset: int, seen_at: datetime, position: int) -> UUID:
    # With Kafka's time: a recreated topic counts its offsets from 0 again.
    return uuid5(_NAMESPACE, f"{topic}/{partition}/{offset}/{seen_at.isoformat()}/{position}")


def _storable(value: object) -> object:
    """Return what JSON in Postgres can hold of a value."""
    if isinstance(value, str):
        return value.replace("\0", _REPLACEMENT)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value
