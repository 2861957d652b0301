"""How much memory an event takes while it waits, roughly; counted on the application's thread."""

from typing import Any

from headwater_sdk.options import Event

_EVENT_BYTES = 400
_FIELD_BYTES = 64
_FRAME_BYTES = 128


def size_of(event: Event) -> int:
    """Return the rough size of an event in bytes."""
    size = _EVENT_BYTES
    for value in event.values():
        if type(value) is str:
            size += len(value)
    for value in event["extra_data"].values():
        size += _FIELD_BYTES + (len(value) if type(value) is str else _nested(value))
    exception = event.get("exception")
    if exception is not None:
        for one in (exception, *exception.get("cause", ())):
            size += len(one["value"]) + _FRAME_BYTES * len(one["stacktrace"])
    return size


def _nested(value: Any) -> int:
    kind = type(value)
    if kind is str:
        return len(value)
    if kind is dict:
        return sum(_FIELD_BYTES + len(key) + _nested(inner) for key, inner in value.items())
    if kind is list:
        return sum(_FIELD_BYTES // 4 + _nested(inner) for inner in value)
    return 0
