"""Keyset paging: typed cursors over (`created_at`, `id`) that carry the filter's hash.

A cursor is opaque to clients, holds no secret, and is checked field by field: a cursor of another
filter, of another version or altered is refused, never guessed at.
"""

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from libs.common.http.problems import HeadwaterError

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
_MAX_CURSOR_LENGTH = 200
_FILTER_HASH_BYTES = 8


class InvalidCursor(HeadwaterError):
    """The cursor is not one that this query gave out."""

    reason = "invalid_cursor"


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """A place between two rows, and the direction of the page behind it."""

    version: Literal[1]
    direction: Literal["older", "newer"]
    created_at: datetime
    id: UUID
    filter_hash: bytes


_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder = msgspec.msgpack.Decoder(Cursor)


def filter_hash(filters: object) -> bytes:
    """Return the hash that ties a cursor to the filters (anything msgspec encodes, sorted)."""
    encoded = msgspec.json.encode(filters, order="deterministic")
    return hashlib.blake2b(encoded, digest_size=_FILTER_HASH_BYTES).digest()


def encode_cursor(cursor: Cursor) -> str:
    """Return the cursor's text: URL-safe, without padding."""
    return base64.urlsafe_b64encode(_encoder.encode(cursor)).rstrip(b"=").decode("ascii")


def decode_cursor(text: str, expected_filter_hash: bytes) -> Cursor:
    """Read a cursor's text; raises InvalidCursor."""
    if len(text) > _MAX_CURSOR_LENGTH or not text.isascii():
        raise InvalidCursor("the cursor is not one of ours")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = _decoder.decode(raw)
    except (binascii.Error, msgspec.DecodeError, ValueError, OverflowError) as error:
        raise InvalidCursor("the cursor is not one of ours") from error
    if cursor.filter_hash != expected_filter_hash:
        raise InvalidCursor("the cursor belongs to another filter")
    if cursor.created_at.tzinfo is None or encode_cursor(cursor) != text:
        raise InvalidCursor("the cursor is not one of ours")
    return cursor
