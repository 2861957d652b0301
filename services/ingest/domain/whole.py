"""The short way through a batch that is in order: one search for secrets, a decode of many events.

The text of `events` is cut between events into pieces so short that no event in them is too large.
Whatever is out of the ordinary (a secret that only the walk can judge, an event that does not
decode, a cut in the wrong place) gives up, and the batch is read event by event.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import sub

import msgspec

from services.ingest.domain.client_events import (
    ClientEvent,
    Envelope,
    batch_decoder,
    events_decoder,
)
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.redaction import Redaction

_EVENTS = b'"events":'
_NAME = b'"events"'
_OPENING = re.compile(rb"[ \t\r\n]*\[")
_FIRST_KEY = re.compile(rb'\{"[A-Za-z_]+":')
_PIECE_BYTES = 16 * 1024
"""Some thirty events: their objects are rows and gone while they are in the processor's cache."""
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class Pieces:
    """A batch taken apart, its secrets gone: pieces of whole events, in their order."""

    envelope: Envelope
    is_ascii: bool
    _body: bytes
    _firsts: list[int]
    _patched: dict[int, bytes]

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces, each a list of events."""
        patched, view, first = self._patched, memoryview(self._body), self._firsts[0]
        for position, after in enumerate(self._firsts[1:]):
            piece = patched.get(position) or view[first : after - 1]
            yield b"".join((b"[", piece, b"]"))
            first = after


def take_apart(
    body: bytes, limits: BatchLimits, redaction: Redaction, hits: Counter[str]
) -> Pieces | None:
    """Return the pieces of a body, or None where it has to be read event by event.

    They are the batch's events if all of them decode by `decode_piece`: lists of JSON, put side by
    side, are one list. What is counted as a hit counts only then.
    """
    found = body.find(_EVENTS) + len(_EVENTS)
    opening = _OPENING.match(body, found) if found >= len(_EVENTS) else None
    if opening is None:
        return None
    start, stop = opening.end(), body.rfind(b"]")
    around = body[:start] + body[stop:]
    if around.count(_NAME) > 1 or b"\\" in around:
        return None  # a second `events`, perhaps in another spelling: it may be the batch's own
    is_ascii = body.isascii()
    try:
        if not is_ascii:
            body.decode()
        envelope = batch_decoder.decode(around)
    except UNDECODABLE:
        return None
    if envelope.events:
        return None  # the cut took out what is no list of the batch's own
    firsts = _cut(body, start, stop, min(_PIECE_BYTES, limits.event_bytes // 2))
    if max(map(sub, firsts[1:], firsts)) > limits.event_bytes:
        return None
    # A secret is a part of one text, in a piece as in an event. What seems to reach from one event
    # into the next is odd, for it holds the quotes between them.
    redacted = redaction.redact_within(body, firsts, hits)
    if redacted.odd:
        return None
    return Pieces(envelope, is_ascii, body, firsts, redacted.patched)


def decode_piece(piece: bytes) -> list[ClientEvent] | None:
    """Return the events of a piece; None where one of them does not decode."""
    try:
        return events_decoder.decode(piece)
    except UNDECODABLE:
        return None


def _cut(body: bytes, start: int, stop: int, piece_bytes: int) -> list[int]:
    """Return where pieces begin, and where one more would: a comma or bracket after the last.

    A cut is where a new event seems to begin: with the key that the first one begins with.
    """
    firsts = [start]
    key = _FIRST_KEY.match(body, start, stop)
    if key is not None:
        edge = b"}," + key.group()
        while (end := body.find(edge, firsts[-1] + piece_bytes, stop)) >= 0:
            firsts.append(end + 2)
    firsts.append(stop + 1)
    return firsts
