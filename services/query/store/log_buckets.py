"""Counts of raw logs by time and by the values of a column, of which the most frequent are kept."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, select

from libs.common.db.tables import AppLog
from services.query.domain.buckets import EPOCH
from services.query.domain.windows import Window

_C = AppLog.__table__.c
MOST_VALUES = 100
"""Of one window. Clients choose the values: without a bound an answer could be as long as a slice
has rows. Five times what is shown, so that what is frequent in a part only is seldom missed."""


def bucket_statement(
    interval: timedelta,
    column: str,
    conditions: Sequence[ColumnElement[bool]],
    also_by: Sequence[str] = (),
) -> Select[Any]:
    """Select bucket, value, whether it stands for all others, the columns `also_by`, events, rows.

    Values beyond the `MOST_VALUES` with the most events are summed, their value is NULL.
    """
    start = func.date_bin(literal(interval), _C.created_at, literal(EPOCH)).label("bucket")
    value = _C[column].label("value")
    others = [_C[name] for name in also_by]
    grouped = (
        select(
            start,
            value,
            *others,
            func.sum(_C.count).label("events"),
            func.count().label("rows"),
        )
        .where(*conditions)
        .group_by(start, value, *others)
        .subquery()
    )
    sized = select(
        grouped, func.sum(grouped.c.events).over(partition_by=grouped.c.value).label("size")
    ).subquery()
    rank = func.dense_rank().over(order_by=(sized.c.size.desc(), sized.c.value))
    ranked = select(sized, (rank > MOST_VALUES).label("is_rest")).subquery().c
    kept = case((~ranked.is_rest, ranked.value)).label("kept")
    by = (ranked.bucket, kept, ranked.is_rest, *(ranked[name] for name in also_by))
    return select(*by, func.sum(ranked.events), func.sum(ranked.rows)).group_by(*by)


def within(window: Window) -> list[ColumnElement[bool]]:
    """Return the conditions that keep a statement to one window."""
    return [_C.created_at >= window.lower, _C.created_at < window.upper]
