"""Making events of any size and shape fit the limits of ours: what matters least goes first.

For clients that cannot be told to send less. A text is cut only after redaction: half a secret
would no longer be found.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from services.ingest.domain.client_events import cap_texts
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.redaction import Redaction
from services.ingest.domain.repair import clean_text

Event = dict[str, Any]

_DEEPEST = 24
_KEY_COUNT = 200
_INNER_FRAMES, _OUTER_FRAMES = 30, 10
_CAUSES = 5
_SQUEEZES = (4_096, 1_024, 256, 64)
"""Characters of a text; a list keeps a sixteenth of it in items, an object an eighth in keys."""
_SPARE_BYTES = 1_024


def tame(value: Any, depth: int = 0) -> Any:
    """Return the value within our depth and number of keys, with texts that Postgres can hold.

    What is deeper becomes a text that says so; of too many keys the first are kept.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        if depth >= _DEEPEST:
            return "[too deep]"
        names = list(value)[:_KEY_COUNT]
        tamed = {clean_text(name): tame(value[name], depth + 1) for name in names}
        if len(value) > _KEY_COUNT:
            tamed["_more_keys"] = len(value) - _KEY_COUNT
        return tamed
    if isinstance(value, list):
        return "[too deep]" if depth >= _DEEPEST else [tame(item, depth + 1) for item in value]
    return value


def fit_event(event: Event, limits: BatchLimits, redaction: Redaction, hits: Counter[str]) -> Event:
    """Return the event, trimmed where it is larger than an event may be; it then says what went.

    Deterministic. The event has been tamed.
    """
    room = limits.event_bytes - _SPARE_BYTES
    if _size(event) <= room:
        return event
    (event,) = redaction.redact_events([event], hits)
    extra = dict(event.get("extra_data") or {})
    event["extra_data"] = extra
    trimmed: list[str] = []
    cut = cap_texts(event)
    if cut:
        extra["_truncated"] = cut
    for name, trim in _STEPS:
        if _size(event) <= room:
            break
        if trim(event, room):
            trimmed.append(name)
    event["extra_data"]["_trimmed"] = trimmed
    return event


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))


def _drop_modules(event: Event, _: int) -> bool:
    return event["extra_data"].pop("modules", None) is not None


def _drop_vars(event: Event, _: int) -> bool:
    return _drop_of_frames(event, "vars")


def _drop_oldest_breadcrumbs(event: Event, room: int) -> bool:
    crumbs = event["extra_data"].get("breadcrumbs")
    if not isinstance(crumbs, list):
        return False
    left = room - (_size(event) - _size(crumbs))
    kept: list[Any] = []
    for crumb in reversed(crumbs):
        left -= _size(crumb) + 1
        if left < 0:
            break
        kept.append(crumb)
    event["extra_data"]["breadcrumbs"] = kept[::-1]
    return len(kept) < len(crumbs)


def _drop_source_lines(event: Event, _: int) -> bool:
    return _drop_of_frames(event, "pre_context", "post_context")


def _drop_of_frames(event: Event, *names: str) -> bool:
    dropped = [frame.pop(name, None) for frame in _frames(event) for name in names]
    return any(value is not None for value in dropped)


def _drop_frames(event: Event, _: int) -> bool:
    dropped = False
    for holder in _stack_holders(event):
        frames = holder["stacktrace"]
        if len(frames) > _INNER_FRAMES + _OUTER_FRAMES:
            holder["stacktrace"] = [*frames[:_INNER_FRAMES], *frames[-_OUTER_FRAMES:]]
            dropped = True
    cause = (event.get("exception") or {}).get("cause")
    if cause and len(cause) > _CAUSES:
        event["exception"]["cause"] = cause[:_CAUSES]
        dropped = True
    return dropped


def _squeeze(event: Event, room: int) -> bool:
    for size in _SQUEEZES:
        event["extra_data"] = _squeezed(event["extra_data"], size)
        thrown = event.get("exception")
        if thrown:
            for name in ("stacktrace", "cause"):
                thrown[name] = _squeezed(thrown.get(name) or [], size)
        if _size(event) <= room:
            break
    return True


def _drop_all_else(event: Event, room: int) -> bool:
    """Keep what was thrown or said, as much as fits: JSON has six bytes for some characters."""
    event["extra_data"] = {}
    holder, name = event, "message"
    if thrown := event.get("exception"):
        holder, name = {"type": thrown["type"], "value": thrown["value"]}, "value"
        event["exception"] = holder
    elif "statement" in event:
        name = "statement"
    while _size(event) > room and holder.get(name):
        holder[name] = holder[name][: len(holder[name]) // 2]
    return True


_STEPS: tuple[tuple[str, Callable[[Event, int], bool]], ...] = (
    ("modules", _drop_modules),
    ("vars", _drop_vars),
    ("breadcrumbs", _drop_oldest_breadcrumbs),
    ("source_lines", _drop_source_lines),
    ("frames", _drop_frames),
    ("long_values", _squeeze),
    ("all_else", _drop_all_else),
)


def _stack_holders(event: Event) -> Iterator[Event]:
    thrown = event.get("exception")
    if thrown:
        for holder in (thrown, *(thrown.get("cause") or [])):
            if isinstance(holder, dict) and isinstance(holder.get("stacktrace"), list):
                yield holder


def _frames(event: Event) -> Iterator[Event]:
    for holder in _stack_holders(event):
        yield from (frame for frame in holder["stacktrace"] if isinstance(frame, dict))


def _squeezed(value: Any, size: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= size else value[:size] + "…"
    if isinstance(value, list):
        return [_squeezed(item, size) for item in value[: size // 16]]
    if isinstance(value, dict):
        names = list(value)[: size // 8]
        return {name[:size]: _squeezed(value[name], size) for name in names}
    return value
