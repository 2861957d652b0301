"""By which fields logs are counted, and how the counts of parts of a range are joined."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from services.query.domain.buckets import DEFAULT_RANGE
from services.query.domain.errors import InvalidParameter
from services.query.domain.extra_values import is_path
from services.query.domain.log_filters import LogFilters
from services.query.domain.windows import Window

FACET_COLUMNS = (
    "level",
    "application",
    "environment",
    "release",
    "source",
    "module",
    "request_method",
    "request_path",
    "status_code",
    "user_id",
    "session_id",
)
HISTOGRAM_COLUMNS = (*FACET_COLUMNS[:7], "status_code")
DEFAULT_FIELDS = ("level", "application", "environment", "source", "module")
MAX_FIELDS = 10
MAX_TOP = 100
DEFAULT_TOP = 10
_SHORTEST = timedelta(microseconds=1)

FacetValue: TypeAlias = str | int | None


@dataclass
class Facet:
    """The counts of one field's values, in events."""

    field_name: str
    counts: Counter[FacetValue] = field(default_factory=Counter)
    total: int = 0
    """Of all values, also those that were not kept."""

    def top(self, most: int) -> list[tuple[FacetValue, int]]:
        """Return the most frequent values, equal ones in order of their text."""
        kept: list[tuple[FacetValue, int]] = [
            (value, count) for value, count in self.counts.items() if value is not None
        ]
        return sorted(kept, key=lambda pair: (-pair[1], str(pair[0])))[:most]

    @property
    def missing(self) -> int:
        return self.counts.get(None, 0)


def check_fields(names: Sequence[str]) -> tuple[str, ...]:
    """Return the fields that are asked for, or the usual ones; raises InvalidParameter."""
    if len(names) > MAX_FIELDS:
        raise InvalidParameter("field", f"at most {MAX_FIELDS} fields")
    for name in names:
        is_extra = name.startswith("extra.") and is_path(name.removeprefix("extra."))
        if name not in FACET_COLUMNS and not is_extra:
            raise InvalidParameter("field", f"extra.… or one of {', '.join(FACET_COLUMNS)}")
    return tuple(dict.fromkeys(names)) or DEFAULT_FIELDS


def plan_range(filters: LogFilters, now: datetime) -> Window:
    """Return the range to count, without bounds the last 24 hours; raises InvalidParameter."""
    since = filters.since
    try:
        until = filters.until or (now if since is None else max(now, since + _SHORTEST))
        since = since or until - DEFAULT_RANGE
    except OverflowError as error:
        raise InvalidParameter("from", "must leave room for a range") from error
    if since >= until:
        raise InvalidParameter("to", "must be later than from")
    return Window(since, until)
