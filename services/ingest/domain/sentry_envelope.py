"""The framing of Sentry envelopes: a header, then items, each a header line and a payload.

Payloads may hold any byte; their length is in the item's header, or they end with the line.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.ingest.domain.errors import MalformedBody
from services.ingest.domain.repair import Unmendable, decode_leniently, moment_of

_MOST_ITEMS = 1_000
_LONGEST_HEADER = 16 * 1024
_BLANK_LINES = re.compile(rb"[\r\n]*")
"""At the end, or between items."""
_EVENT_ID = re.compile(r"[0-9a-f]{32}")
_DSN_KEY = re.compile(r"\w+://(\w+)(?::\w*)?@")


@dataclass(frozen=True, slots=True)
class Item:
    """One item; its payload is not decoded."""

    type: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class SentryEnvelope:
    """What one request holds."""

    header: dict[str, Any]
    items: list[Item] = field(default_factory=list)
    content: bytes = b""
    """The items as sent. The header changes when a client sends again, these do not."""

    @property
    def event_id(self) -> UUID | None:
        """Return the id that the client gave, where it is one."""
        return event_id_of(self.header)

    @property
    def sent_at(self) -> datetime | None:
        """Return when the client sent it, by its own clock."""
        return moment_of(self.header.get("sent_at"))

    @property
    def public_key(self) -> str | None:
        """Return the key of the header's DSN."""
        dsn = self.header.get("dsn")
        found = _DSN_KEY.match(dsn) if isinstance(dsn, str) else None
        return found[1] if found else None


def event_id_of(values: dict[str, Any]) -> UUID | None:
    """Return the `event_id` of a header or an event; None where it is none."""
    text = values.get("event_id")
    if not isinstance(text, str):
        return None
    text = text.replace("-", "").lower()
    return UUID(text) if _EVENT_ID.fullmatch(text) else None


def read_first_line(body: bytes) -> SentryEnvelope:
    """Return an envelope with its items not divided yet; raises MalformedBody."""
    header, header_end = _header(body, 0, "the envelope's header")
    return SentryEnvelope(header, content=body[header_end + 1 :])


def divide(envelope: SentryEnvelope) -> SentryEnvelope:
    """Return the envelope with its items; raises MalformedBody."""
    content = envelope.content
    items: list[Item] = []
    at = 0
    while (at := _skip_blank_lines(content, at)) < len(content):
        if len(items) == _MOST_ITEMS:
            raise MalformedBody(f"more than {_MOST_ITEMS} items")
        item, at = _read_item(content, at)
        items.append(item)
    return replace(envelope, items=items)


def _skip_blank_lines(content: bytes, at: int) -> int:
    found = _BLANK_LINES.match(content, at)
    return found.end() if found else at


def _read_item(body: bytes, at: int) -> tuple[Item, int]:
    header, header_end = _header(body, at, "an item's header")
    kind, length = header.get("type"), header.get("length")
    if not isinstance(kind, str):
        raise MalformedBody("an item has no type")
    start = min(header_end + 1, len(body))
    if length is None:
        end = _line_end(body, start)
    elif isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise MalformedBody("an item's length is no number")
    else:
        end = start + length
        if end > len(body):
            raise MalformedBody("an item is shorter than its length")
        if body[end : end + 1] not in (b"", b"\n"):
            raise MalformedBody("an item is longer than its length")
    return Item(kind, body[start:end]), end + 1


def _line_end(body: bytes, start: int) -> int:
    end = body.find(b"\n", start)
    return len(body) if end < 0 else end


def _header(body: bytes, start: int, what: str) -> tuple[dict[str, Any], int]:
    """Return the object of a line and where the line ends."""
    end = _line_end(body, start)
    if end - start > _LONGEST_HEADER:
        raise MalformedBody(f"{what} is longer than {_LONGEST_HEADER} bytes")
    try:
        return decode_leniently(body[start:end]), end
    except Unmendable as error:
        raise MalformedBody(f"{what} is no JSON object") from error
