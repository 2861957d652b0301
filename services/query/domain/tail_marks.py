"""Where a watcher of the live tail is: the SSE `id`, opaque to clients."""

import base64
import binascii
from typing import Literal

import msgspec

from services.query.domain.errors import InvalidParameter

MAX_LENGTH = 4_000


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """A place in the tail: all before it was shown, or did not match."""

    version: Literal[1]
    at_ms: int
    """When it was the newest place."""
    offsets: dict[int, int]
    """The next record by partition."""
    partition: int = 0
    taken: int = 0
    """Rows of the next record of `partition` that were shown already."""

    def covers(self, partition: int, offset: int, index: int) -> bool:
        """Say whether a row lies before the mark. A partition that it does not know is all new."""
        known = self.offsets.get(partition, 0)
        is_begun = partition == self.partition and offset == known
        return offset < known or (is_begun and index < self.taken)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Mark)


def encode_mark(mark: Mark) -> str:
    """Return the text of a mark: URL-safe, without padding."""
    return base64.urlsafe_b64encode(_encoder.encode(mark)).rstrip(b"=").decode("ascii")


def decode_mark(text: str) -> Mark:
    """Read the text of a mark; raises InvalidParameter."""
    try:
        if len(text) > MAX_LENGTH or not text.isascii():
            raise ValueError("too long, or not ASCII")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return _decoder.decode(raw)
    except (binascii.Error, msgspec.DecodeError, ValueError, OverflowError) as error:
        raise InvalidParameter("last_event_id", "is not one of ours") from error
