"""The columns that searches name, their other names, and how their values are read."""

import math
import re

from libs.common.events import LEVELS, level_name
from services.query.domain.conditions import Side, Value

MAX_INTEGER = 2**31 - 1

TEXT_COLUMNS = (
    "application",
    "environment",
    "release",
    "source",
    "module",
    "trace_id",
    "session_id",
    "user_id",
    "request_path",
)
COLUMNS = (*TEXT_COLUMNS, "level", "request_method", "status_code")
NUMERIC_COLUMNS = ("status_code", "duration_ms", "count")
SHORT_NAMES = {
    "app": "application",
    "env": "environment",
    "trace": "trace_id",
    "session": "session_id",
    "user": "user_id",
    "path": "request_path",
    "method": "request_method",
    "status": "status_code",
    "duration": "duration_ms",
}
QUERY_COLUMNS = (*COLUMNS, "duration_ms", "count")
_UNITS_MS = {"ms": 1.0, "s": 1_000.0, "m": 60_000.0}
_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)(ms|s|m)?", re.ASCII)


def column_named(name: str) -> str | None:
    """Return the column that `q=` means by a name, in any case; None where there is none."""
    lowered = name.lower()
    column = SHORT_NAMES.get(lowered, lowered)
    return column if column in QUERY_COLUMNS else None


def read_level(text: str) -> str:
    """Return a level's own name; raises ValueError."""
    level = level_name(text)
    if level is None:
        raise ValueError("must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return level


def read_integer(text: str) -> int:
    """Read a whole number that a column holds; raises ValueError."""
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or int(text) > MAX_INTEGER:
        raise ValueError("must be a whole number")
    return int(text)


def read_finite(text: str) -> float:
    """Read any finite number; raises ValueError."""
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError("must be a number") from error
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def read_value(column: str, text: str) -> Value:
    """Read a value as the column holds it; raises ValueError."""
    if column == "level":
        return read_level(text)
    if column == "request_method":
        return text.upper()
    if column in ("status_code", "count"):
        return read_integer(text)
    return read_quantity(column, text) if column == "duration_ms" else text


def read_quantity(column: str, text: str) -> float:
    """Read a number to compare a column with; durations take ms, s or m; raises ValueError."""
    match = _QUANTITY.fullmatch(text)
    if match is None or (match[2] and column != "duration_ms"):
        units = " with ms, s or m, or without" if column == "duration_ms" else ""
        raise ValueError(f"must be a number{units}")
    return float(match[1]) * _UNITS_MS[match[2] or "ms"]


def levels_beyond(side: Side, level: str) -> tuple[str, ...]:
    """Return the levels on that side of one."""
    at = LEVELS.index(level)
    return {
        ">": LEVELS[at + 1 :],
        ">=": LEVELS[at:],
        "<": LEVELS[:at],
        "<=": LEVELS[: at + 1],
    }[side]
