"""How statistics cut time into buckets."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.query.domain.errors import InvalidParameter
from services.query.domain.log_filters import LogFilters
from services.query.domain.windows import Window

MAX_BUCKETS = 1_500
_WANTED_BUCKETS = 120
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


def plan_statistics(filters: LogFilters, interval_name: str, now: datetime) -> StatisticsQuery:
    """Complete a request: the last 24 hours, some 120 buckets; raises InvalidParameter.

    The default range begins with a whole bucket, so that its first count is as true as the others.
    """
    try:
        until = filters.until or max(now, (filters.since or EPOCH) + timedelta(microseconds=1))
        since = filters.since or until - DEFAULT_RANGE
        if since >= until:
            raise InvalidParameter("to", "must be later than from")
        interval = _interval(interval_name, until - since)
        if filters.since is None:
            since = _bucket_start(since, interval)
    except OverflowError as error:
        raise InvalidParameter("from", "must leave room for a range") from error
    return StatisticsQuery(filters, Window(since, until), interval)


def _interval(name: str, span: timedelta) -> timedelta:
    if name == "auto":
        fitting = [step for step in INTERVALS.values() if span / step <= _WANTED_BUCKETS]
        interval = fitting[0] if fitting else max(INTERVALS.values())
    elif name in INTERVALS:
        interval = INTERVALS[name]
    else:
        raise InvalidParameter("interval", f"must be auto or one of {', '.join(INTERVALS)}")
    if span / interval > MAX_BUCKETS:
        raise InvalidParameter("interval", f"the range has more than {MAX_BUCKETS} buckets")
    return interval


def _bucket_start(moment: datetime, interval: timedelta) -> datetime:
    return EPOCH + (moment - EPOCH) // interval * interval


def bucket_starts(query: StatisticsQuery) -> list[datetime]:
    """Return the start of every bucket that the range touches, oldest first."""
    first = _bucket_start(query.range.lower, query.interval)
    count = -((first - query.range.upper) // query.interval)
    return [first + position * query.interval for position in range(count)]
