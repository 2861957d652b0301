"""The fields of one event as the ingest contract takes them: each in its own form and room."""

from collections.abc import Mapping
from typing import Any

from headwater_sdk.options import Event
from headwater_sdk.record.plain import Plain

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_EXCEPTION_DEPTH = 14
_SHORT_LENGTH = 2_000
_SHORTS = frozenset(
    {
        "source",
        "module",
        "request_path",
        "request_method",
        "trace_id",
        "session_id",
        "user_id",
    }
)
_LONGS = ("message", "statement")
_MOST = {"status_code": 999, "duration_ms": 1e12}
_NEEDED = {
    "log": ("level", "message"),
    "exception": ("level", "exception"),
    "request": ("duration_ms",),
    "query": ("duration_ms", "statement"),
}
_CHANGED_SCALE = 3


def plain_event(content: Event, context: Mapping[str, Any]) -> Event:
    """Return what was captured as plain values; a number that is none goes to `extra_data`."""
    return _plain(content, context, 1)


def changed_event(changed: Any, before: Event) -> Event:
    """Return what a hook made of an event, as plain values in the same form.

    There is room for all that stood there before. What an event of its kind cannot do without, and
    its identity, is taken from before where the hook left nothing of use.
    """
    event = {str(name): value for name, value in dict(changed).items()}
    extra = event.get("extra_data")
    event["extra_data"] = extra if isinstance(extra, Mapping) else {"value": extra}
    exception = event.get("exception")
    if "exception" in event and not (isinstance(exception, Mapping) and exception.get("type")):
        del event["exception"]
    if event.get("level") not in LEVELS:
        event.pop("level", None)
    event = _plain(event, {}, _CHANGED_SCALE)
    for name in _NEEDED.get(before["kind"], ()):
        if event.get(name) is None and name in before:
            event[name] = before[name]
    return event | {name: before[name] for name in ("kind", "id", "created_at")}


def _plain(content: Event, context: Mapping[str, Any], scale: int) -> Event:
    plain, deep = Plain(scale=scale), Plain(_EXCEPTION_DEPTH, scale)
    event: Event = {}
    extra = dict(content["extra_data"])
    for name, value in content.items():
        if name in _MOST:
            number = _number(value, name)
            if number is not None:
                event[name] = number
            elif value is not None:
                extra[name] = value
        elif name in _SHORTS:
            if value is not None:
                event[name] = plain.text(_text(value), _SHORT_LENGTH)
        elif name in _LONGS:
            if value is not None:
                event[name] = plain.text(_text(value))
        elif name == "exception":
            event[name] = deep.value(value)
        elif name != "extra_data":
            event[name] = Plain(scale=scale).value(value)
    event["extra_data"] = {**context, **plain.value(extra)}
    if plain.is_cut or deep.is_cut:
        event["extra_data"]["_truncated"] = True
    return event


def _number(value: Any, name: str) -> int | float | None:
    """Return the number where it is one that the column takes."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= _MOST[name]:  # NaN neither
        return None
    if name == "status_code":
        return int(value) if value == int(value) else None
    return value


def _text(value: Any) -> str:
    try:
        return value if isinstance(value, str) else str(value)
    except Exception:  # its own `__str__`
        return "[Unreadable]"
