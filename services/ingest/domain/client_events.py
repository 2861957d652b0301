"""Events as clients send them: typed, strict, decoded in C.

What these types refuse goes through `repair`, which mends what can be mended and names what cannot.
Lengths are in characters here: an ASCII body needs no other check, see `exceeds_caps`.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct

from services.ingest.domain.limits import (
    EXCEPTION_TYPE_CAP_BYTES,
    MESSAGE_CAP_BYTES,
    PATH_CAP_BYTES,
    SHORT_CAP_BYTES,
    cut_text,
)

Moment = Annotated[datetime, Meta(tz=True)]
Duration = Annotated[float, Meta(ge=0, le=1e12)]
"""Milliseconds."""
StatusCode = Annotated[int, Meta(ge=0, le=999)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Short = Annotated[str, Meta(max_length=SHORT_CAP_BYTES)]
Path = Annotated[str, Meta(max_length=PATH_CAP_BYTES)]
Message = Annotated[str, Meta(max_length=MESSAGE_CAP_BYTES)]
ExceptionType = Annotated[str, Meta(max_length=EXCEPTION_TYPE_CAP_BYTES)]
NOTHING = Raw()


class _Event(Struct, gc=False, tag_field="kind", kw_only=True):
    id: UUID | None = None
    created_at: Moment | None = None
    level: Short | None = None
    source: Short | None = None
    trace_id: Short | None = None
    session_id: Short | None = None
    user_id: Short | None = None
    module: Short | None = None
    request_path: Path | None = None
    request_method: Short | None = None
    status_code: StatusCode | None = None
    count: Count = 1
    extra_data: Raw = NOTHING


class LogEvent(_Event, tag="log", gc=False, kw_only=True):
    """A log line."""

    message: Message
    duration_ms: Duration | None = None


class ExceptionDetails(Struct, gc=False):
    """What was thrown."""

    type: ExceptionType
    value: Message | None = None
    stacktrace: Raw = NOTHING
    cause: Raw = NOTHING


class ExceptionEvent(_Event, tag="exception", gc=False, kw_only=True):
    """An exception."""

    exception: ExceptionDetails
    duration_ms: Duration | None = None


class RequestEvent(_Event, tag="request", gc=False, kw_only=True):
    """How long an HTTP request took."""

    duration_ms: Duration


class QueryEvent(_Event, tag="query", gc=False, kw_only=True):
    """How long a database query took."""

    duration_ms: Duration
    statement: Message | None = None


ClientEvent = LogEvent | ExceptionEvent | RequestEvent | QueryEvent


class Envelope(Struct, gc=False, kw_only=True):
    """What a batch says beside its events."""

    batch_id: UUID | None = None
    release: str | None = None
    environment: str | None = None
    sdk: Raw = NOTHING


class ClientBatch(Envelope, gc=False, kw_only=True):
    """A batch whose events stay undecoded bytes of the body."""

    events: list[Raw]


batch_decoder = msgspec.json.Decoder(ClientBatch)
events_decoder: msgspec.json.Decoder[list[ClientEvent]] = msgspec.json.Decoder(list[ClientEvent])
event_decoder: msgspec.json.Decoder[ClientEvent] = msgspec.json.Decoder(ClientEvent)

_CAPS = dict.fromkeys(
    ("source", "trace_id", "session_id", "user_id", "module", "request_method"), SHORT_CAP_BYTES
) | {
    "request_path": PATH_CAP_BYTES,
    "message": MESSAGE_CAP_BYTES,
    "statement": MESSAGE_CAP_BYTES,
}
_EXCEPTION_CAPS = {"type": EXCEPTION_TYPE_CAP_BYTES, "value": MESSAGE_CAP_BYTES}


def exceeds_caps(event: ClientEvent) -> bool:
    """Tell whether a text that is short enough in characters is too long in bytes."""
    if any(_is_longer(getattr(event, name, None), cap) for name, cap in _CAPS.items()):
        return True
    return isinstance(event, ExceptionEvent) and any(
        _is_longer(getattr(event.exception, name), cap) for name, cap in _EXCEPTION_CAPS.items()
    )


def cap_texts(event: dict[str, object]) -> list[str]:
    """Cut the texts of an untyped event to their caps, in place; return the names of those cut."""
    cut = _cap(event, _CAPS)
    exception = event.get("exception")
    if isinstance(exception, dict):
        cut += [f"exception.{name}" for name in _cap(exception, _EXCEPTION_CAPS)]
    return cut


def _cap(values: dict[str, object], caps: dict[str, int]) -> list[str]:
    cut = []
    for name, cap in caps.items():
        text = values.get(name)
        if isinstance(text, str) and _is_longer(text, cap):
            values[name] = cut_text(text, cap)
            cut.append(name)
    return cut


def _is_longer(text: str | None, cap_bytes: int) -> bool:
    # a character is four bytes at the most
    return text is not None and len(text) * 4 > cap_bytes and len(text.encode()) > cap_bytes
