"""How the big tables are cut into slices of time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

TARGET_ROW_COUNT = 300_000
"""Rows of a hot slice: a condition without an index scans them within about 60 ms."""

WIDTHS = (
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
)
WIDEST_HOT = timedelta(hours=1)
"""A slice with rows is never cut again, so this is for how long a burst may fill one."""
FIRST_WIDTH = timedelta(minutes=1)
"""While the rate is not known yet."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DENSE_ROW_COUNT = 1_000
_NEAR_PAST = timedelta(minutes=15)
_RECENT = timedelta(hours=6)


@dataclass(frozen=True)
class Bounds:
    """A slice's time range: from `lower` up to, but without, `upper`."""

    lower: datetime
    upper: datetime


@dataclass
class SliceMap:
    """The attached slices of one table, in order of time, none overlapping."""

    lowers: list[datetime] = field(default_factory=list)
    uppers: list[datetime] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def find(self, moment: datetime) -> int | None:
        """Return the place of the slice that takes a moment; None where there is none."""
        at = bisect_right(self.lowers, moment) - 1
        return at if at >= 0 and moment < self.uppers[at] else None

    def insert(self, bounds: Bounds, name: str) -> None:
        """Add a slice."""
        at = bisect_left(self.lowers, bounds.lower)
        self.lowers.insert(at, bounds.lower)
        self.uppers.insert(at, bounds.upper)
        self.names.insert(at, name)

    def fit(self, moment: datetime, width: timedelta) -> Bounds:
        """Return the aligned range of a width around a moment, cut where neighbours begin."""
        lower = align(moment, width)
        upper = lower + width
        at = bisect_right(self.lowers, moment)
        if at > 0:
            lower = max(lower, self.uppers[at - 1])
        if at < len(self.lowers):
            upper = min(upper, self.lowers[at])
        return Bounds(lower, upper)


def align(moment: datetime, width: timedelta) -> datetime:
    """Round down to a multiple of a width since 1970."""
    return moment - (moment - _EPOCH) % width


def width_for(rows_per_second: float, widest: timedelta) -> timedelta:
    """Return the widest slice that holds no more than the target at a rate."""
    fitting = [
        width
        for width in WIDTHS
        if width <= widest and rows_per_second * width.total_seconds() <= TARGET_ROW_COUNT
    ]
    return fitting[-1] if fitting else min(WIDTHS[0], widest)


def missing_moments(slices: SliceMap, moments: Iterable[datetime]) -> list[datetime]:
    """Return the moments that no slice takes, sorted."""
    return sorted(moment for moment in moments if slices.find(moment) is None)


def plan_slices(
    slices: SliceMap, missing: Sequence[datetime], now: datetime, hot_width: timedelta
) -> list[Bounds]:
    """Choose slices for moments that have none, of any age: near ones like the hot slice.

    Older rows get slices by their density where there are many (a backlog), else by their age.
    """
    planned = SliceMap(list(slices.lowers), list(slices.uppers), list(slices.names))
    made = []
    old = [moment for moment in missing if moment < now - _NEAR_PAST]
    dense: timedelta | None = None
    if len(old) >= _DENSE_ROW_COUNT:
        span = max((old[-1] - old[0]).total_seconds(), 1.0)
        dense = width_for(len(old) / span, WIDTHS[-1])
    for moment in missing:
        if planned.find(moment) is not None:
            continue
        if moment >= now - _NEAR_PAST:
            width = hot_width
        elif dense is not None:
            width = dense
        else:
            width = WIDEST_HOT if moment >= now - _RECENT else WIDTHS[-1]
        bounds = planned.fit(moment, width)
        planned.insert(bounds, "")
        made.append(bounds)
    return made


def plan_ahead(slices: SliceMap, now: datetime, hot_width: timedelta, count: int) -> list[Bounds]:
    """Choose what is missing of the slice of now and `count` ones after it."""
    planned = SliceMap(list(slices.lowers), list(slices.uppers), list(slices.names))
    made = []
    moment = now
    for _ in range(count + 1):
        at = planned.find(moment)
        if at is None:
            bounds = planned.fit(moment, hot_width)
            planned.insert(bounds, "")
            made.append(bounds)
            moment = bounds.upper
        else:
            moment = planned.uppers[at]
    return made


def slice_name(table: str, bounds: Bounds) -> str:
    """Return the leaf's name."""
    return f"{table}_{bounds.lower:%Y%m%dt%H%M%S}"


@dataclass
class RateMeter:
    """A rate smoothed over about a minute, from counts that only grow."""

    rate: float | None = None
    widest: timedelta = WIDEST_HOT
    _count: int | None = None
    _at: float = 0.0

    def feed(self, count: int, at: float) -> None:
        """Take a new reading of the counter at a time of the monotonic clock."""
        before, since = self._count, at - self._at
        self._count, self._at = count, at
        if before is None or since <= 0:
            return
        latest = max(0, count - before) / since
        weight = min(1.0, since / 60)
        # Up at once, down slowly: too narrow a slice costs little, too wide a one a lot.
        if self.rate is None or latest > self.rate:
            self.rate = latest
        else:
            self.rate += (latest - self.rate) * weight

    def width(self) -> timedelta:
        """Return the width of the next hot slices."""
        if self.rate is None:
            return min(FIRST_WIDTH, self.widest)
        return width_for(self.rate, self.widest)
