"""Reading `app_logs`: pages in keyset order, and single rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Select, Text, cast, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.clock import Clock
from libs.common.db.tables import AppLog
from libs.common.ids import id_moment
from services.query.domain.log_filters import LogFilters
from services.query.domain.pages import LOWEST_ID, Direction, PageAsk, Place
from services.query.domain.scope import Scope
from services.query.domain.windows import Window
from services.query.store.log_conditions import row_conditions, scope_conditions
from services.query.store.walk import SliceWalker, Walk

_TABLE = AppLog.__table__
_C = _TABLE.c
_RAW_COLUMNS = [
    cast(column, Text).label("extra_data") if column.name == "extra_data" else column
    for column in _C
]
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class LogItem(msgspec.Struct, gc=False):
    """A row as it is answered; fields stand in the order of the table's columns."""

    created_at: datetime
    id: UUID
    received_at: datetime
    application: str
    environment: str | None
    release: str | None
    source: str
    level: str
    message: str
    trace_id: str | None
    session_id: str | None
    user_id: str | None
    module: str | None
    request_path: str | None
    request_method: str | None
    status_code: int | None
    duration_ms: float | None
    count: int
    extra_data: msgspec.Raw | None


@dataclass(frozen=True)
class Page:
    """Rows, newest first."""

    items: list[LogItem]
    has_more: bool
    """Whether more rows follow in the direction that was asked for."""
    searched_to: datetime | None
    """Set where time ran out: the range was searched up to there."""


class LogStore:
    """Reads logs, never without a `Scope`."""

    def __init__(self, engine: AsyncEngine, clock: Clock, budget: timedelta) -> None:
        self._engine = engine
        self._walker = SliceWalker(engine, clock)
        self._budget = budget

    async def page(self, scope: Scope, filters: LogFilters, ask: PageAsk) -> Page:
        """Return one page; raises SearchTooSlow."""
        bounds = _bounds(filters, ask)
        if scope.sees_nothing or bounds.lower >= bounds.upper:
            return Page([], has_more=False, searched_to=None)
        conditions = row_conditions(filters, scope)
        if ask.place is not None:
            conditions.append(_beyond(ask.place, ask.direction))
        is_older = ask.direction == "older"
        found: list[LogItem] = []

        async def visit(connection: AsyncConnection, window: Window) -> bool:
            wanted = ask.limit + 1 - len(found)
            statement = _page_statement(
                [*conditions, _C.created_at >= window.lower, _C.created_at < window.upper],
                is_fenced=bool(filters.extra_included),
                is_older=is_older,
            ).limit(wanted)
            found.extend(_item(row) for row in await connection.execute(statement))
            return len(found) > ask.limit

        searched_to = await self._walker.walk(
            Walk(AppLog.__tablename__, bounds, newest_first=is_older, budget=self._budget), visit
        )
        items = found[: ask.limit]
        if not is_older:
            items.reverse()
        return Page(items, has_more=len(found) > ask.limit, searched_to=searched_to)

    async def one(self, scope: Scope, log_id: UUID) -> LogItem | None:
        """Return the row with that id, found by the time that the id carries."""
        if scope.sees_nothing:
            return None
        try:
            moment = id_moment(log_id)
            lower, upper = moment - MILLISECOND, moment + 2 * MILLISECOND
        except OverflowError:
            return None
        statement = select(*_RAW_COLUMNS).where(
            _C.id == log_id,
            _C.created_at >= lower,
            _C.created_at < upper,
            *scope_conditions(scope),
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else _item(row)


def _bounds(filters: LogFilters, ask: PageAsk) -> Window:
    lower = max(filters.since or BEGINNING, BEGINNING)
    upper = min(filters.until or END, END)
    if ask.place is not None:
        if ask.direction == "older":
            upper = min(upper, _just_after(ask.place))
        else:
            lower = max(lower, ask.place.created_at)
    return Window(lower, upper)


def _just_after(place: Place) -> datetime:
    """Return the bound above a place; with the lowest id no row of its moment is older than it."""
    if place.id == LOWEST_ID:
        return place.created_at
    return min(place.created_at, END) + timedelta(microseconds=1)


def _beyond(place: Place, direction: Direction) -> Any:
    """Compare as a row: (created_at, id) beyond the place. The bounds of time stand beside it."""
    key, bound = tuple_(_C.created_at, _C.id), tuple_(place.created_at, place.id)
    return key < bound if direction == "older" else key > bound


def _page_statement(conditions: list[Any], *, is_fenced: bool, is_older: bool) -> Select[Any]:
    inner = select(*_RAW_COLUMNS).where(*conditions)
    if is_fenced:
        # keeps the planner from walking the primary key instead of asking the GIN index
        fenced = inner.offset(literal_column("0")).subquery()
        inner = select(fenced)
        order = (fenced.c.created_at, fenced.c.id)
    else:
        order = (_C.created_at, _C.id)
    return inner.order_by(*(key.desc() if is_older else key.asc() for key in order))


def _item(row: Sequence[Any]) -> LogItem:
    extra = row[-1]
    return LogItem(*row[:-1], None if extra is None else msgspec.Raw(extra))  # type: ignore[call-arg]  # as many as there are columns
