"""From the items of a Sentry envelope to events of ours, and to what is only counted."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from libs.common.events import level_name
from services.ingest.domain.density import (
    check_event_count,
    check_object_count,
    count_json_objects,
)
from services.ingest.domain.foreign import Headed
from services.ingest.domain.limits import BatchLimits
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

    events: Iterator[Headed] = field(default_factory=lambda: iter(()))
    """Made while they are taken, once: many small ones would fill the memory."""
    event_count: int = 0
    object_count: int = 0
    """About how many objects and lists the payloads hold."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Events that could not be read, by reason."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Items that nothing is made of, by type."""
    losses: Counter[tuple[str, str]] = field(default_factory=Counter)
    """What the client says that it threw away, by reason and category."""


def makes_events(envelope: SentryEnvelope) -> bool:
    """Tell whether the envelope holds more than what is only counted."""
    return any(item.type in _READERS and item.type != "client_report" for item in envelope.items)


def read_items(envelope: SentryEnvelope, limits: BatchLimits) -> Reading:
    """Read every item; one that cannot be read does not cost the others.

    Raises BatchTooLarge for too many events.
    """
    reading = Reading()
    parts: list[Iterable[Headed]] = []
    sdk = tame(envelope.header.get("sdk"))
    for item in envelope.items:
        read = _READERS.get(item.type)
        if read is None:
            reading.ignored[item.type if item.type in _KNOWN_TYPES else "other"] += 1
        elif item.type not in _CONTAINERS and len(item.payload) > EVENT_BYTES:
            reading.rejected["event_too_large"] += 1
        else:
            reading.object_count += count_json_objects(item.payload, limits)
            check_object_count(reading.object_count, limits)
            parts.append(_read(item, read, sdk, reading))
            check_event_count(reading.event_count, limits)
    reading.events = chain.from_iterable(parts)
    return reading


_Reader = Callable[[Values, Any, Reading], Iterable[Headed]]
"""It counts the events of a payload and returns what makes them."""


def _read(item: Item, read: _Reader, sdk: Any, reading: Reading) -> Iterable[Headed]:
    try:
        payload = decode_leniently(_as_utf8(item.payload))
    except Unmendable as error:
        reading.rejected[error.reason] += 1
        return ()
    return read(payload, sdk, reading)


def _as_utf8(payload: bytes) -> bytes:
    """Return the payload with U+FFFD for bytes that are no text: they do not cost the event."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return payload.decode(errors="replace").encode()
    return payload


def _events(payload: Values, sdk: Any, reading: Reading) -> Iterable[Headed]:
    if payload.get("type") == "transaction":
        return _transactions(payload, sdk, reading)
    sent = tame(payload)
    reading.event_count += 1
    return [(heading_of(sent, sdk), read_event(sent))]


def _transactions(payload: Values, sdk: Any, reading: Reading) -> Iterable[Headed]:
    sent = tame(payload)
    return _counted(lambda: read_transaction(sent, heading_of(sent, sdk)), reading)


def _logs(payload: Values, sdk: Any, reading: Reading) -> Iterable[Headed]:
    items = _contained(payload, reading)
    reading.event_count += len(items)
    return (_log(tame(item), sdk) for item in items)


def _spans(payload: Values, sdk: Any, reading: Reading) -> Iterable[Headed]:
    items = _contained(payload, reading)
    return _counted(
        lambda: chain.from_iterable(read_span(tame(item), sdk) for item in items), reading
    )


def _counted(make: Callable[[], Iterator[Headed]], reading: Reading) -> Iterator[Headed]:
    """Return the events; they are made twice, for how many they are shows only then."""
    reading.event_count += sum(1 for _ in make())
    return make()


def _contained(payload: Values, reading: Reading) -> list[Values]:
    """Return what a container holds, or the one thing that older clients send by itself."""
    items = payload.get("items") if "items" in payload else [payload]
    items = items if isinstance(items, list) else []
    contained = [item for item in items if isinstance(item, dict)]
    if len(contained) < len(items):
        reading.rejected["not_an_object"] += len(items) - len(contained)
    return contained


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


def _losses(payload: Values, _: Any, reading: Reading) -> Iterable[Headed]:
    """Count what a client says that it threw away; it makes no event."""
    discarded = payload.get("discarded_events")
    for loss in discarded if isinstance(discarded, list) else []:
        quantity = dict_of(loss).get("quantity")
        if type(quantity) is int and 0 < quantity <= _MOST_REPORTED:
            reading.losses[_word(loss.get("reason")), _word(loss.get("category"))] += quantity
    return ()


_READERS: dict[str, _Reader] = {
    "event": _events,
    "transaction": _transactions,
    "log": _logs,
    "span": _spans,
    "client_report": _losses,
}


def _word(value: Any) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "other"
