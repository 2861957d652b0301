"""What an event says, read at once: the caller may change its values the next moment."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from headwater_sdk.options import Event
from headwater_sdk.record.columns import LEVELS
from headwater_sdk.record.exceptions import (
    describe_exception,
    is_captured,
    mark_captured,
    message_of,
    type_name,
)
from headwater_sdk.record.plain import UNREADABLE, keep_text, keep_value
from headwater_sdk.work import Work

_OF_NAME = {name: name for name in LEVELS} | {"WARN": "WARNING", "FATAL": "CRITICAL"}
_USUAL = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_COLUMNS = frozenset(
    {
        "trace_id",
        "session_id",
        "user_id",
        "request_path",
        "request_method",
        "status_code",
        "duration_ms",
    }
)
"""Extra fields of a log that are columns of the event."""
_NUMBERS_AND_IDS = re.compile(r"/(?:[0-9]+|[0-9a-fA-F-]{16,})(?=/|$)")


def level_of(number: int) -> str:
    """Return the contract's name for a level of `logging`, also for one in between."""
    return LEVELS[min(4, max(0, number // 10 - 1))]


def level_named(name: object) -> str:
    """Return the contract's name for a level by name, INFO for what is none."""
    return _OF_NAME.get(str(name).upper(), "ERROR" if name == "exception" else "INFO")


def level_number(level: object) -> int:
    """Return the number of a level of `logging`, by name in any case; NOTSET for what is none."""
    if isinstance(level, int):
        return level
    return logging.getLevelNamesMapping().get(str(level).strip().upper(), logging.NOTSET)


def read_record(record: logging.LogRecord, work: Work | None) -> Event:
    """Return what a record says. Its message is formatted now, as `QueueHandler` does."""
    fields = record.__dict__
    extra: dict[str, Any] = {
        "file": record.pathname,
        "line": record.lineno,
        "function": record.funcName,
    }
    event: Event = {
        "kind": "log",
        "level": _OF_NAME.get(record.levelname) or level_of(record.levelno),
        "message": "",
        "module": record.name,
        "extra_data": extra,
    }
    if work is not None:
        add_work(event, work)
    if len(fields) > len(_USUAL) - 3:
        for name in fields.keys() - _USUAL:
            if name[0] != "_":  # structlog's own, for its formatter
                _place(event, extra, name, fields[name])
    message = record.msg
    if isinstance(message, dict) and "event" in message:
        # structlog hands its event on as a dict, for its formatter to make a text of it.
        for name, value in message.items():
            if name not in {"event", "level", "logger", "exc_info"}:
                _place(event, extra, name, value)
        event["message"] = _as_text(message["event"])
    elif type(message) is str and not record.args:
        event["message"] = keep_text(message)
    else:
        event["message"] = _formatted(record)
    info = record.exc_info
    if info and isinstance(info, tuple) and info[1] is not None:
        add_exception(event, info[1])
    elif record.stack_info:
        extra["stack"] = keep_text(record.stack_info)
    return event


def read_fields(level: str, message: object, fields: Mapping[str, Any], work: Work | None) -> Event:
    """Return what a call says that is no record of `logging`."""
    extra: dict[str, Any] = {}
    event: Event = {"kind": "log", "level": level, "message": _as_text(message)}
    event["extra_data"] = extra
    if work is not None:
        add_work(event, work)
    for name, value in fields.items():
        _place(event, extra, str(name), value)
    return event


def add_exception(event: Event, error: BaseException) -> None:
    """Make the event one of an exception; a log that names it where it is an event already."""
    if is_captured(error):
        name = type_name(error)
        event["extra_data"]["exception"] = name
        event["message"] = event["message"] or f"{name}: {message_of(error)}"
        return
    mark_captured(error)
    event["kind"] = "exception"
    event["exception"] = describe_exception(error)
    message = event.pop("message")
    if message:
        event["extra_data"]["message"] = message


def add_work(event: Event, work: Work) -> None:
    """Add what the events of the work at hand have in common."""
    if work.trace_id is not None:
        event["trace_id"] = work.trace_id
    if work.path is not None:
        event["request_path"] = work.path
        event["request_method"] = work.method
    if work.user_id is not None:
        event["user_id"] = work.user_id
    if work.session_id is not None:
        event["session_id"] = work.session_id


def route_of(path: str) -> str:
    """Return a path with `{id}` for numbers and ids, so that requests group by route."""
    return _NUMBERS_AND_IDS.sub("/{id}", path)


def _place(event: Event, extra: dict[str, Any], name: str, value: Any) -> None:
    if name in _COLUMNS:
        if value is not None:
            event[name] = keep_value(value)
    else:
        extra[name] = keep_value(value)


def _formatted(record: logging.LogRecord) -> str:
    try:
        return keep_text(record.getMessage())
    except Exception:  # arguments that do not fit, or cannot be written
        return f"{_as_text(record.msg)} {keep_value(record.args)}"


def _as_text(value: object) -> str:
    if type(value) is str:
        return keep_text(value)
    try:
        if isinstance(value, BaseException):
            return message_of(value)
        return keep_text(str(value))
    except Exception:  # its own `__str__`
        return UNREADABLE
