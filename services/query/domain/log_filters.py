"""Which logs a request asks for: its query parameters, checked and typed."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from libs.common.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from libs.common.text import parse_text
from services.query.domain.conditions import (
    ALWAYS,
    AllOf,
    Compared,
    Condition,
    Contains,
    Holds,
    Not,
    OneOf,
    Side,
    Value,
)
from services.query.domain.errors import InvalidParameter
from services.query.domain.extra_values import is_path
from services.query.domain.fields import (
    COLUMNS,
    read_finite,
    read_integer,
    read_value,
)
from services.query.domain.query_language import parse_query

MAX_VALUE_LENGTH = 2_000
MAX_VALUES = 100
MAX_PIECES = 20

Values = tuple[Value, ...]
_T = TypeVar("_T")
_Made = TypeVar("_Made")

RANGES = ("status_code_min", "status_code_max", "duration_ms_min", "duration_ms_max")
_LOWER_BOUNDS = {name: name.replace("_max", "_min") for name in RANGES if name.endswith("_max")}
MOMENTS = {"from": "since", "start_time": "since", "to": "until", "end_time": "until"}


@dataclass(frozen=True)
class LogFilters:
    """What rows must satisfy. Values of one field are alternatives, fields add up."""

    included: tuple[tuple[str, Values], ...] = ()
    excluded: tuple[tuple[str, Values], ...] = ()
    ranges: tuple[tuple[str, float], ...] = ()
    extra_included: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Dotted path into `extra_data`, and the alternatives."""
    extra_excluded: tuple[tuple[str, tuple[str, ...]], ...] = ()
    pieces: tuple[str, ...] = ()
    query: Condition = ALWAYS
    """What `q` asks for."""
    since: datetime | None = None
    """Rows at this moment or later."""
    until: datetime | None = None
    """Rows before this moment."""

    def condition(self) -> Condition:
        """Return what a row must satisfy, but for the bounds of time."""
        made: list[Condition] = [OneOf(*field) for field in self.included]
        made += [Not(OneOf(*field)) for field in self.excluded]
        for name, bound in self.ranges:
            side: Side = ">=" if name.endswith("_min") else "<="
            made.append(Compared(name.rsplit("_", 1)[0], side, bound))
        made += [Holds(*field) for field in self.extra_included]
        made += [Not(Holds(*field)) for field in self.extra_excluded]
        made += [Contains(piece) for piece in self.pieces]
        return AllOf((*made, self.query))


@dataclass(frozen=True)
class LogQuery:
    """A whole request for a page of logs."""

    filters: LogFilters
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


def parse_filters(pairs: Iterable[tuple[str, str]]) -> LogFilters:
    """Read filters alone; raises InvalidParameter that names the first wrong one."""
    return _filters(_grouped(pairs))


def parse_log_query(pairs: Iterable[tuple[str, str]]) -> LogQuery:
    """Read query parameters; raises InvalidParameter that names the first wrong one."""
    grouped = _grouped(pairs)
    limit = _single(grouped, "limit")
    cursor = _single(grouped, "cursor")
    return LogQuery(
        filters=_filters(grouped),
        limit=DEFAULT_LIMIT if limit is None else parse_limit(limit),
        cursor=cursor,
    )


def parse_limit(text: str) -> int:
    """Read `limit`; raises InvalidParameter."""
    limit = _read("limit", text, read_integer)
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidParameter("limit", f"must be 1 to {MAX_LIMIT}")
    return limit


def parse_moment(name: str, text: str) -> datetime:
    """Read an RFC 3339 time with its zone (no zone counts as UTC); raises InvalidParameter."""
    # a + that was not percent-encoded arrives as a blank
    cleaned = re.sub(r"\s(\d{2}:?\d{2})$", r"+\1", text.strip()) if "T" in text else text.strip()
    try:
        moment = datetime.fromisoformat(cleaned)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise InvalidParameter(name, "must be a time such as 2026-11-23T10:00:00Z") from error


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, text in pairs:
        _check_value(name, text)
        grouped.setdefault(name, []).append(text)
    return grouped


def _filters(grouped: dict[str, list[str]]) -> LogFilters:
    included: dict[str, Values] = {}
    excluded: dict[str, Values] = {}
    extra_included: dict[str, tuple[str, ...]] = {}
    extra_excluded: dict[str, tuple[str, ...]] = {}
    ranges: dict[str, float] = {}
    moments: dict[str, datetime] = {}
    pieces: list[str] = []
    query: Condition = ALWAYS
    for name, texts in grouped.items():
        field = name.removesuffix("!")
        is_exclusion = field != name
        if field in COLUMNS:
            (excluded if is_exclusion else included)[field] = _column_values(name, field, texts)
        elif field.startswith("extra."):
            path = field.removeprefix("extra.")
            _check_path(name, path)
            (extra_excluded if is_exclusion else extra_included)[path] = tuple(sorted(set(texts)))
        elif name in RANGES:
            ranges[name] = _read(name, _only(name, texts), read_finite)
        elif name in MOMENTS:
            bound = MOMENTS[name]
            if bound in moments:
                raise InvalidParameter(name, "the same bound is given twice")
            moments[bound] = parse_moment(name, _only(name, texts))
        elif name == "text":
            pieces = [piece for text in texts for piece in parse_text(text)]
            if len(pieces) > MAX_PIECES:
                raise InvalidParameter(name, f"at most {MAX_PIECES} words or phrases")
        elif name == "q":
            query = parse_query(_only(name, texts))
        else:
            raise InvalidParameter(name, "no such parameter")
    _check_order(grouped, ranges, moments)
    made = LogFilters(
        included=_sorted(included),
        excluded=_sorted(excluded),
        ranges=tuple(sorted(ranges.items())),
        extra_included=_sorted(extra_included),
        extra_excluded=_sorted(extra_excluded),
        pieces=tuple(dict.fromkeys(pieces)),
        query=query,
    )
    return replace(made, since=moments.get("since"), until=moments.get("until"))


def _check_order(
    names: Collection[str], ranges: dict[str, float], moments: dict[str, datetime]
) -> None:
    """Raise InvalidParameter for a range that ends before it begins: it is a slip, not a search.

    An empty one is a search that finds nothing: who walks through time comes to its end so.
    """
    for upper, lower in _LOWER_BOUNDS.items():
        if upper in ranges and lower in ranges and ranges[lower] > ranges[upper]:
            raise InvalidParameter(upper, f"must not be less than {lower}")
    since, until = moments.get("since"), moments.get("until")
    if since is not None and until is not None and since > until:
        given = {bound: name for name, bound in MOMENTS.items() if name in names}
        raise InvalidParameter(given["until"], f"must not be earlier than {given['since']}")


def _column_values(name: str, field: str, texts: list[str]) -> Values:
    if len(texts) > MAX_VALUES:
        raise InvalidParameter(name, f"at most {MAX_VALUES} values")
    values = {_read(name, text, lambda text: read_value(field, text)) for text in texts}
    return tuple(sorted(values, key=str))


def _read(name: str, text: str, read: Callable[[str], _Made]) -> _Made:
    try:
        return read(text)
    except ValueError as error:
        raise InvalidParameter(name, str(error)) from error


def _check_value(name: str, text: str) -> None:
    if "\0" in name or "\0" in text:
        raise InvalidParameter(name.replace("\0", ""), "holds a NUL character")
    if len(text) > MAX_VALUE_LENGTH or len(name) > MAX_VALUE_LENGTH:
        raise InvalidParameter(name[:100], f"longer than {MAX_VALUE_LENGTH} characters")


def _check_path(name: str, path: str) -> None:
    if not is_path(path):
        raise InvalidParameter(name, "must be extra. and a dotted path of keys")


def _single(grouped: dict[str, list[str]], name: str) -> str | None:
    texts = grouped.pop(name, None)
    return None if texts is None else _only(name, texts)


def _only(name: str, texts: list[str]) -> str:
    if len(texts) != 1:
        raise InvalidParameter(name, "may be given once")
    return texts[0]


def _sorted(by_name: dict[str, _T]) -> tuple[tuple[str, _T], ...]:
    return tuple(sorted(by_name.items()))
