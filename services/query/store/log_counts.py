"""Counting raw logs by the values of fields: facets and histograms, under a time limit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock
from libs.common.db.tables import AppLog
from services.query.domain.buckets import StatisticsQuery
from services.query.domain.facets import Facet, FacetValue
from services.query.domain.log_filters import LogFilters
from services.query.domain.scope import Scope
from services.query.domain.windows import Window
from services.query.store.log_buckets import bucket_statement, within
from services.query.store.log_conditions import row_conditions
from services.query.store.statements import compiled
from services.query.store.walk import SliceWalker, Step, Walk

_C = AppLog.__table__.c
_MOST_VALUES = 1_000
"""Values of a field that are kept of one window; the rest is in its total."""


@dataclass
class Facets:
    """What was counted, and up to where."""

    facets: list[Facet]
    searched_to: datetime | None = None


@dataclass
class Histogram:
    """Events by bucket and value; rows is how many rows hold them."""

    counts: dict[FacetValue, Counter[datetime]] = field(default_factory=dict)
    rest: Counter[datetime] = field(default_factory=Counter)
    """Those of values that were too many to be kept."""
    rows: int = 0
    searched_to: datetime | None = None


class LogCountStore:
    """Counts logs by fields, never without a `Scope`."""

    def __init__(self, engine: AsyncEngine, clock: Clock, budget: timedelta) -> None:
        self._walker = SliceWalker(engine, clock)
        self._budget = budget

    async def facets(
        self, scope: Scope, filters: LogFilters, bounds: Window, fields: Sequence[str]
    ) -> Facets:
        """Count the values of several fields in one pass; raises SearchTooSlow."""
        made = Facets([Facet(name) for name in fields])
        if scope.sees_nothing:
            return made
        conditions = row_conditions(AppLog.__table__, filters.condition(), scope)

        async def visit(step: Step) -> bool:
            statement = _facet_statement(fields, [*conditions, *within(step.window)])
            totals: dict[int, int] = {}
            for number, events, total, *values in await step.reader.fetch(
                compiled(statement), step.limit
            ):
                # every bit is set but that of the one field by which this row is grouped
                at = len(fields) - (~number & ((1 << len(fields)) - 1)).bit_length()
                made.facets[at].counts[values[at]] += int(events)
                totals[at] = int(total)
            for at, total in totals.items():
                made.facets[at].total += total
            return False

        walk = Walk(AppLog.__tablename__, bounds, newest_first=True, budget=self._budget)
        made.searched_to = await self._walker.walk(walk, visit)
        return made

    async def histogram(self, scope: Scope, query: StatisticsQuery, column: str) -> Histogram:
        """Count the rows of a range by bucket and by a column; raises SearchTooSlow."""
        made = Histogram()
        if scope.sees_nothing:
            return made
        conditions = row_conditions(AppLog.__table__, query.filters.condition(), scope)

        async def visit(step: Step) -> bool:
            inside = [*conditions, *within(step.window)]
            statement = bucket_statement(query.interval, column, inside)
            for moment, value, is_rest, events, rows in await step.reader.fetch(
                compiled(statement), step.limit
            ):
                counts = made.rest if is_rest else made.counts.setdefault(value, Counter())
                counts[moment] += int(events)
                made.rows += int(rows)
            return False

        walk = Walk(AppLog.__tablename__, query.range, newest_first=True, budget=self._budget)
        made.searched_to = await self._walker.walk(walk, visit)
        return made


def _facet_statement(
    fields: Sequence[str], conditions: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    """Group by each field alone, in one scan, and keep the most frequent values of each."""
    named = [_value(name).label(f"value_{at}") for at, name in enumerate(fields)]
    inner = select(*named, _C.count.label("events")).where(*conditions).subquery()
    values = [inner.c[label.name] for label in named]
    grouped = (
        select(
            func.grouping(*values).label("number"),
            func.sum(inner.c.events).label("events"),
            *values,
        )
        .group_by(func.grouping_sets(*(tuple_(value) for value in values)))
        .subquery()
    )
    counted = grouped.c
    rank = func.row_number().over(partition_by=counted.number, order_by=counted.events.desc())
    ranked = select(
        grouped,
        func.sum(counted.events).over(partition_by=counted.number).label("total"),
        rank.label("rank"),
    ).subquery()
    return select(
        ranked.c.number,
        ranked.c.events,
        ranked.c.total,
        *(ranked.c[label.name] for label in named),
    ).where(ranked.c.rank <= _MOST_VALUES)


def _value(name: str) -> ColumnElement[Any]:
    if not name.startswith("extra."):
        return _C[name]
    keys = name.removeprefix("extra.").split(".")
    return _C.extra_data.op("#>>")(literal(keys, ARRAY(Text)))
