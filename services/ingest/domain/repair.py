"""Mending an event that the strict decoder or the redaction pre-filter stopped at.

NUL and lone surrogates become U+FFFD, numbers that JSON or Postgres would change become text,
kinds, levels and times in other spellings are understood. What cannot be mended is named.
"""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from libs.common.events import level_name
from services.ingest.domain.limits import SHORT_CAP_BYTES, BatchLimits, cut_text

_INT64_MAX = 2**63 - 1
_EXACT_DIGITS = 17
_LONGEST_NUMBER = 800
_TEXT_FIELDS = ("trace_id", "session_id", "user_id", "module")
_UNIX_TIME = re.compile(r"-?[0-9]{9,16}|-?[0-9]{1,7}")
"""Eight digits are a day: 20261124."""
_SECONDS_LIMIT = 100_000_000_000
"""Numbers below it are seconds since 1970, above it milliseconds."""


class Unmendable(Exception):
    """The event is rejected; the reason is part of the contract."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode_leniently(raw: bytes) -> dict[str, Any]:
    """Decode one event's JSON keeping every number exact; raises Unmendable."""
    try:
        value = json.loads(
            raw, parse_int=exact_int, parse_float=exact_float, parse_constant=name_constant
        )
    except (ValueError, RecursionError) as error:
        raise Unmendable("malformed_event") from error
    if not isinstance(value, dict):
        raise Unmendable("not_an_object")
    return value


def clean(value: Any, limits: BatchLimits, depth: int = 1) -> Any:
    """Return the value with text that Postgres can hold; raises Unmendable beyond the limits."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        if depth > limits.depth:
            raise Unmendable("too_deep")
        if len(value) > limits.object_keys:
            raise Unmendable("too_many_keys")
        return {clean_text(key): clean(item, limits, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        if depth > limits.depth:
            raise Unmendable("too_deep")
        return [clean(item, limits, depth + 1) for item in value]
    return value


def clean_text(text: str) -> str:
    """Replace NUL and lone surrogates by U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in text)
    return text


def mend(event: dict[str, Any]) -> dict[str, Any]:
    """Bring an event's fields into the contract's form where their meaning is plain.

    Works in place on what `decode_leniently` made; raises Unmendable.
    """
    event.setdefault("kind", "log")
    extra = event.get("extra_data")
    if extra is None:
        extra = {}
    elif not isinstance(extra, dict):
        extra = {"value": extra}
    _mend_level(event)
    _mend_time(event, extra)
    _mend_id(event, extra)
    for name in _TEXT_FIELDS:
        value = event.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            event[name] = str(value)
    exception = event.get("exception")
    if isinstance(exception, dict):
        for name in ("stacktrace", "cause"):
            frames = exception.get(name)
            if isinstance(frames, str):
                exception[name] = [{"raw": line} for line in frames.splitlines()]
            elif isinstance(frames, dict):
                exception[name] = [frames]
    event["extra_data"] = extra or None
    return event


def invalid_field(error: msgspec.ValidationError) -> str:
    """Return the reason for an event that still does not fit: which field, never its value."""
    message, _, path = str(error).partition(" - at `$")
    fields = [name.partition("[")[0] for name in path.rstrip("`").split(".")[1:]]
    prefix = "invalid"
    if "missing required field" in message:
        prefix = "missing"
        fields.append(message.split("`")[1])
    if fields == ["kind"]:
        return "unknown_kind"
    return "_".join([prefix, *fields]) if fields else "invalid_event"


def _mend_level(event: dict[str, Any]) -> None:
    level = event.get("level")
    if level is None:
        return
    if isinstance(level, bool) or not isinstance(level, str | int):
        raise Unmendable("invalid_level")
    name = level_name(level)
    if name is None:
        raise Unmendable("unknown_level")
    event["level"] = name


def _mend_time(event: dict[str, Any], extra: dict[str, Any]) -> None:
    """Understand ISO times without zone and Unix times; what is no time is kept as text beside."""
    value = event.get("created_at")
    if value is None:
        return
    moment = moment_of(value)
    if moment is None:
        extra["client_created_at"] = cut_text(str(value), SHORT_CAP_BYTES)
        event["created_at"] = None
    else:
        event["created_at"] = moment.isoformat()


def moment_of(value: Any) -> datetime | None:
    """Read a time: ISO 8601 with or without zone, or a Unix time; None where it is none."""
    if isinstance(value, str):
        text = value.strip()
        # before ISO 8601, whose short forms read 1761123112345 as a day of the year 1761
        if not _UNIX_TIME.fullmatch(text):
            return _iso_moment(text)
        value = int(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = value if abs(value) < _SECONDS_LIMIT else value / 1000
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _iso_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _mend_id(event: dict[str, Any], extra: dict[str, Any]) -> None:
    value = event.get("id")
    if value is None:
        return
    try:
        if not isinstance(value, str):
            raise ValueError
        event["id"] = str(UUID(value))
    except ValueError:
        extra["client_event_id"] = cut_text(str(value), SHORT_CAP_BYTES)
        event["id"] = None


def exact_int(text: str) -> int | str:
    """Read a number of JSON; as text where 64 bits do not hold it."""
    if len(text) < 19:
        return int(text)
    if len(text) > 20:
        return text
    value = int(text)
    return value if -_INT64_MAX - 1 <= value <= _INT64_MAX else text


def exact_float(text: str) -> float | str:
    """Read a number of JSON; as text where a double does not hold it."""
    if len(text) > _LONGEST_NUMBER:
        return text
    value = float(text)
    digits = text.lower().partition("e")[0].lstrip("-0.").replace(".", "")
    return value if math.isfinite(value) and len(digits) <= _EXACT_DIGITS else text


def name_constant(name: str) -> str:
    """Return NaN, Infinity or -Infinity, which are no JSON, as text."""
    return name
