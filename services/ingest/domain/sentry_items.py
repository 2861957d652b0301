"""From the items of a Sentry envelope to events of ours, and to what is only counted."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from libs.common.events import level_name
from services.ingest.domain.foreign import Headed
from services.ingest.domain.repair import Unmendable, decode_leniently, moment_of
from services.ingest.domain.sentry_envelope import Item, SentryEnvelope
from services.ingest.domain.sentry_event import (
    Values,
    attributes_of,
    dict_of,
    heading_of,
    heading_of_attributes,
    read_event,
    text_of,
)
from services.ingest.domain.sentry_samples import read_span, read_transaction
from services.ingest.domain.trim import tame

EVENT_BYTES = 1024 * 1024
"""Of an event or a transaction, as Sentry has it; larger ones are rejected."""
_KNOWN_TYPES = {
    "attachment",
    "check_in",
    "feedback",
    "profile",
    "profile_chunk",
    "replay_event",
    "replay_recording",
    "session",
    "sessions",
    "statsd",
    "trace_metric",
    "user_report",
}
_CONTAINERS = {"log", "span"}
_WORD = re.compile(r"[a-z_]{1,40}")
_MOST_REPORTED = 10**9


@dataclass(slots=True)
class Reading:
    """What an envelope holds, as far as it could be read."""

    events: list[Headed] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    """Events that could not be read, by reason."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Items that nothing is made of, by type."""
    losses: Counter[tuple[str, str]] = field(default_factory=Counter)
    """What the client says that it threw away, by reason and category."""


def read_items(envelope: SentryEnvelope) -> Reading:
    """Read every item; one that cannot be read does not cost the others."""
    reading = Reading()
    for item in envelope.items:
        read = _READERS.get(item.type)
        if read is None:
            reading.ignored[item.type if item.type in _KNOWN_TYPES else "other"] += 1
        elif item.type not in _CONTAINERS and len(item.payload) > EVENT_BYTES:
            reading.rejected["event_too_large"] += 1
        else:
            _read(item, read, envelope.header.get("sdk"), reading)
    return reading


_Reader = Callable[[Values, Any, Reading], Iterator[Headed]]


def _read(item: Item, read: _Reader, sdk: Any, reading: Reading) -> None:
    try:
        payload = decode_leniently(_as_utf8(item.payload))
    except Unmendable as error:
        reading.rejected[error.reason] += 1
    else:
        reading.events += read(payload, sdk, reading)


def _as_utf8(payload: bytes) -> bytes:
    """Return the payload with U+FFFD for bytes that are no text: they do not cost the event."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return payload.decode(errors="replace").encode()
    return payload


def _events(payload: Values, sdk: Any, _: Reading) -> Iterator[Headed]:
    sent = tame(payload)
    if sent.get("type") == "transaction":
        yield from read_transaction(sent, heading_of(sent, sdk))
    else:
        yield heading_of(sent, sdk), read_event(sent)


def _transactions(payload: Values, sdk: Any, _: Reading) -> Iterator[Headed]:
    sent = tame(payload)
    yield from read_transaction(sent, heading_of(sent, sdk))


def _logs(payload: Values, sdk: Any, reading: Reading) -> Iterator[Headed]:
    return (_log(sent, sdk) for sent in _contained(payload, reading))


def _spans(payload: Values, sdk: Any, reading: Reading) -> Iterator[Headed]:
    for sent in _contained(payload, reading):
        yield from read_span(sent, sdk)


def _contained(payload: Values, reading: Reading) -> Iterator[Values]:
    """Yield what a container holds, or the one thing that older clients send by itself."""
    items = payload.get("items") if "items" in payload else [payload]
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            yield tame(item)
        else:
            reading.rejected["not_an_object"] += 1


def _log(sent: Values, sdk: Any) -> Headed:
    extra = attributes_of(sent)
    heading = heading_of_attributes(extra, sdk)
    user_id = extra.get("user.id")
    module = extra.get("logger.name") or extra.get("sentry.logger")
    log: Values = {
        "kind": "log",
        "message": text_of(sent.get("body")),
        "created_at": moment_of(sent.get("timestamp")),
        "level": level_name(text_of(sent.get("level"))) or "INFO",
        "trace_id": text_of(sent.get("trace_id")) or None,
        "user_id": text_of(user_id) or None,
        "module": text_of(module) or None,
        "extra_data": extra,
    }
    if span_id := sent.get("span_id"):
        extra["span_id"] = span_id
    return heading, log


def _losses(payload: Values, _: Any, reading: Reading) -> Iterator[Headed]:
    """Count what a client says that it threw away; it makes no event."""
    discarded = payload.get("discarded_events")
    for loss in discarded if isinstance(discarded, list) else []:
        quantity = dict_of(loss).get("quantity")
        if type(quantity) is int and 0 < quantity <= _MOST_REPORTED:
            reading.losses[_word(loss.get("reason")), _word(loss.get("category"))] += quantity
    yield from ()


_READERS: dict[str, _Reader] = {
    "event": _events,
    "transaction": _transactions,
    "log": _logs,
    "span": _spans,
    "client_report": _losses,
}


def _word(value: Any) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "other"
