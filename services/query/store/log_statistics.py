"""Counting raw logs by level and source over time, under a time limit."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock
from libs.common.db.tables import AppLog
from services.query.domain.buckets import StatisticsQuery
from services.query.domain.scope import Scope
from services.query.store.log_buckets import bucket_statement, within
from services.query.store.log_conditions import row_conditions
from services.query.store.statements import compiled
from services.query.store.walk import SliceWalker, Step, Walk


@dataclass
class Tally:
    """Counts of one bucket, or of all. `count` adds the SDKs' own de-duplication, rows does not."""

    count: int = 0
    rows: int = 0
    by_level: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    """Of the most frequent sources."""

    def add(self, level: str, source: str | None, count: int, rows: int) -> None:
        """Add what is of one source, or of those that are too many to be kept."""
        self.count += count
        self.rows += rows
        self.by_level[level] += count
        if source is not None:
            self.by_source[source] += count


@dataclass(frozen=True)
class LogStatistics:
    """What was counted, and up to where."""

    total: Tally
    buckets: dict[datetime, Tally]
    searched_to: datetime | None


class LogStatisticsStore:
    """Counts logs, never without a `Scope`."""

    def __init__(self, engine: AsyncEngine, clock: Clock, budget: timedelta) -> None:
        self._walker = SliceWalker(engine, clock)
        self._budget = budget

    async def count(self, scope: Scope, query: StatisticsQuery) -> LogStatistics:
        """Count the rows of a range; raises SearchTooSlow."""
        total = Tally()
        buckets: dict[datetime, Tally] = {}
        if scope.sees_nothing:
            return LogStatistics(total, buckets, None)
        conditions = row_conditions(AppLog.__table__, query.filters.condition(), scope)

        async def visit(step: Step) -> bool:
            inside = [*conditions, *within(step.window)]
            statement = bucket_statement(query.interval, "source", inside, ("level",))
            for moment, source, _, level, count, rows in await step.reader.fetch(
                compiled(statement), step.limit
            ):
                total.add(level, source, int(count), int(rows))
                buckets.setdefault(moment, Tally()).add(level, source, int(count), int(rows))
            return False

        walk = Walk(AppLog.__tablename__, query.range, newest_first=True, budget=self._budget)
        return LogStatistics(total, buckets, await self._walker.walk(walk, visit))
