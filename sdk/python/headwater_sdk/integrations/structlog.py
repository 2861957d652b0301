"""A processor for structlog."""

import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

from headwater_sdk.client import Client
from headwater_sdk.record.contents import add_exception, level_named, read_fields
from headwater_sdk.work import current_work

_OURS = frozenset({"event", "level", "exc_info", "timestamp", "logger"})


class HeadwaterProcessor:
    """Makes an event of what is logged, and hands it on unchanged; belongs before the renderer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(
        self, logger: Any, method: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Take one event; never raises."""
        self._client.safely(lambda: self._take(logger, method, event_dict))
        return event_dict

    def _take(self, logger: Any, method: str, event_dict: Mapping[str, Any]) -> None:
        fields = {name: value for name, value in event_dict.items() if name not in _OURS}
        level = level_named(event_dict.get("level") or method)
        event = read_fields(level, event_dict.get("event", ""), fields, current_work.get())
        name = event_dict.get("logger") or getattr(logger, "name", None)
        if isinstance(name, str):
            event["module"] = name
        error = _error_of(event_dict.get("exc_info"), method)
        if error is not None:
            add_exception(event, error)
        self._client.capture(event)


def _error_of(info: Any, method: str) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple) and len(info) == 3:
        return info[1] if isinstance(info[1], BaseException) else None
    if info or method == "exception":
        return sys.exc_info()[1]
    return None
