"""From the items of a Sentry envelope to events of ours, and to what is only counted."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from libs.common.events import level_name
from services.ingest.domain.foreign import Headed, Heading
from services.ingest.domain.repair import Unmendable, decode_leniently, moment_of
from services.ingest.domain.sentry_envelope import Item, SentryEnvelope
from services.ingest.domain.sentry_event import (
    Values,
    extra_of,
    heading_of,
    path_of,
    read_event,
    shared_fields,
    status_of,
    text_of,
    values_of,
)
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
    "span",
    "statsd",
    "trace_metric",
    "user_report",
}
_WORD = re.compile(r"[a-z_]{1,40}")
_MOST_REPORTED = 10**9
_NAMED = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/.*)")


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
        elif item.type != "log" and len(item.payload) > EVENT_BYTES:
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
        yield from _transaction(sent, heading_of(sent, sdk))
    else:
        yield heading_of(sent, sdk), read_event(sent)


def _transactions(payload: Values, sdk: Any, _: Reading) -> Iterator[Headed]:
    sent = tame(payload)
    yield from _transaction(sent, heading_of(sent, sdk))


def _transaction(sent: Values, heading: Heading) -> Iterator[Headed]:
    """Yield a sample of the request, and one of each database query in it."""
    extra = extra_of(sent)
    for name in ("breadcrumbs", "modules", "type", "user"):
        extra.pop(name, None)
    trace = _dict(_dict(sent.get("contexts")).get("trace"))
    data = _dict(trace.get("data"))
    fields = shared_fields(sent, extra)
    name = text_of(sent.get("transaction"))
    named = _NAMED.fullmatch(name)
    path = named[2] if named else path_of(name) if "://" in name else name
    method = named[1] if named else fields["request_method"]
    status = data.get("http.response.status_code") or _dict(sent.get("tags")).get(
        "http.status_code"
    )
    duration = _duration_ms(sent)
    if duration is not None:
        fields |= {
            "kind": "request",
            "duration_ms": duration,
            "request_path": path or fields["request_path"],
            "request_method": method or text_of(data.get("http.request.method")) or None,
            "status_code": fields["status_code"] or status_of(status),
            "extra_data": extra,
        }
        if operation := trace.get("op"):
            extra["op"] = operation
        yield heading, fields
    for span in values_of(sent.get("spans")):
        query = _query(span, fields)
        if query is not None:
            yield heading, query


def _query(span: Values, request: Values) -> Values | None:
    """Return the sample of a database query; None for a span of another kind, or without times."""
    duration = _duration_ms(span)
    operation = text_of(span.get("op"))
    if duration is None or operation.partition(".")[0] != "db":
        return None
    data = _dict(span.get("data"))
    kept = {"op": operation, "span_id": span.get("span_id"), "db.system": data.get("db.system")}
    return {
        "kind": "query",
        "created_at": moment_of(span.get("timestamp")),
        "duration_ms": duration,
        "statement": text_of(span.get("description")),
        "trace_id": text_of(span.get("trace_id")) or request["trace_id"],
        "request_path": request["request_path"],
        "extra_data": {name: value for name, value in kept.items() if value},
    }


def _logs(payload: Values, sdk: Any, reading: Reading) -> Iterator[Headed]:
    """Yield the logs of a container, or the one log that older clients send by itself."""
    items = payload.get("items") if "items" in payload else [payload]
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            yield _log(tame(item), sdk)
        else:
            reading.rejected["not_an_object"] += 1


def _log(sent: Values, sdk: Any) -> Headed:
    extra = {
        name: value.get("value") if isinstance(value, dict) else value
        for name, value in _dict(sent.get("attributes")).items()
    }
    heading = heading_of(
        {
            "release": extra.pop("sentry.release", None),
            "environment": extra.pop("sentry.environment", None),
        },
        sdk,
    )
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
        quantity = _dict(loss).get("quantity")
        if type(quantity) is int and 0 < quantity <= _MOST_REPORTED:
            reading.losses[_word(loss.get("reason")), _word(loss.get("category"))] += quantity
    yield from ()


_READERS: dict[str, _Reader] = {
    "event": _events,
    "transaction": _transactions,
    "log": _logs,
    "client_report": _losses,
}


def _duration_ms(timed: Values) -> float | None:
    start, end = (moment_of(timed.get(name)) for name in ("start_timestamp", "timestamp"))
    if start is None or end is None:
        return None
    return max(0.0, round((end - start).total_seconds() * 1_000, 3))


def _word(value: Any) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "other"


def _dict(value: Any) -> Values:
    return value if isinstance(value, dict) else {}
