"""How statistics cut time into buckets."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.query.domain.errors import InvalidParameter
from services.query.domain.log_filters import LogFilters
from services.query.domain.windows import Window

MAX_BUCKETS = 1_500
_WANTED_BUCKETS = 120
_SHORTEST = timedelta(microseconds=1)
DEFAULT_RANGE = timedelta(hours=24)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INTERVALS = {
    "1s": timedelta(seconds=1),
    "10s": timedelta(seconds=10),
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}


@dataclass(frozen=True)
class StatisticsQuery:
    """Which rows are counted, over which range, in buckets of which length."""

    filters: LogFilters
    range: Window
    interval: timedelta


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


def plan_statistics(filters: LogFilters, interval_name: str, now: datetime) -> StatisticsQuery:
    """Complete a request: the last 24 hours, some 120 buckets; raises InvalidParameter."""
    range_ = plan_range(filters, now)
    span = range_.upper - range_.lower
    if interval_name == "auto":
        fitting = [step for step in INTERVALS.values() if span / step <= _WANTED_BUCKETS]
        interval = fitting[0] if fitting else max(INTERVALS.values())
    elif interval_name in INTERVALS:
        interval = INTERVALS[interval_name]
    else:
        raise InvalidParameter("interval", f"must be auto or one of {', '.join(INTERVALS)}")
    if span / interval > MAX_BUCKETS:
        raise InvalidParameter("interval", f"the range has more than {MAX_BUCKETS} buckets")
    return StatisticsQuery(filters, range_, interval)


def bucket_starts(query: StatisticsQuery) -> list[datetime]:
    """Return the start of every bucket that the range touches, oldest first."""
    first = EPOCH + (query.range.lower - EPOCH) // query.interval * query.interval
    count = -((first - query.range.upper) // query.interval)
    return [first + position * query.interval for position in range(count)]
