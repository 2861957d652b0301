"""Row ids: UUIDv7 (RFC 9562) whose first 48 bits are the milliseconds of `created_at`.

An id alone therefore finds its time slice. Ids that the gateway gives are derived from the batch's
identity and the event's position, so that every attempt of a batch gives every event the same id.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

_VERSION_AND_VARIANT = (7 << 76) | (2 << 62)
_RANDOM_BITS = ((1 << 12) - 1) << 64 | ((1 << 62) - 1)
_BYTES_PER_ID = 10
CHECKSUM_MODULUS = 1 << 128
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def batch_key(application: str, batch_id: UUID) -> bytes:
    """Return the identity of a batch, which is its record key in Kafka."""
    return application.encode() + b"\0" + batch_id.bytes


def milliseconds(moment: datetime) -> int:
    """Return whole milliseconds since 1970, rounded down, as UUIDv7 holds them."""
    return (moment - EPOCH) // MILLISECOND


def uuid7(moment_ms: int, entropy: bytes) -> UUID:
    """Build the UUIDv7 of a millisecond from at least 10 bytes of entropy."""
    tail = int.from_bytes(entropy[:_BYTES_PER_ID], "big") & _RANDOM_BITS
    value = (moment_ms & 0xFFFFFFFFFFFF) << 80 | _VERSION_AND_VARIANT | tail
    # msgspec makes a UUID from 16 bytes in C, several times faster than uuid.UUID(bytes=...)
    return msgspec.convert(value.to_bytes(16, "big"), UUID)


def new_uuid7(moment: datetime) -> UUID:
    """Make a fresh, unpredictable UUIDv7 for the given time."""
    return uuid7(milliseconds(moment), secrets.token_bytes(_BYTES_PER_ID))


def id_milliseconds(row_id: UUID) -> int:
    """Return the milliseconds since 1970 that a UUIDv7 carries."""
    return row_id.int >> 80


def id_moment(row_id: UUID) -> datetime:
    """Return the time that a UUIDv7 carries; raises OverflowError beyond year 9999."""
    return EPOCH + id_milliseconds(row_id) * MILLISECOND


def position_entropy(identity: bytes, count: int) -> bytes:
    """Return 10 bytes of entropy for each of `count` positions of a batch.

    SHAKE-128 is an extendable-output function: a longer output starts with the shorter one, so the
    bytes of a position do not depend on how many events the batch has.
    """
    return hashlib.shake_128(identity).digest(_BYTES_PER_ID * count)


def entropy_of(entropy: bytes, position: int) -> bytes:
    """Cut one position's bytes out of `position_entropy`."""
    return entropy[position * _BYTES_PER_ID : (position + 1) * _BYTES_PER_ID]


def checksum(ids: Iterable[UUID]) -> int:
    """Return the order-independent checksum of row ids: their sum modulo `CHECKSUM_MODULUS`.

    Checksums add up by the same modulus.
    """
    return sum([row_id.int for row_id in ids]) % CHECKSUM_MODULUS
