"""Reading events: pages in keyset order, of one kind or of several together, and single rows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Select, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.clock import Clock
from libs.common.ids import id_moment
from services.query.domain.conditions import ALWAYS, Condition
from services.query.domain.pages import LOWEST_ID, Direction, PageAsk, Place
from services.query.domain.scope import Scope
from services.query.domain.windows import Window
from services.query.store.kinds import Item, Kind
from services.query.store.log_conditions import has_indexed_contents, row_conditions
from services.query.store.walk import SliceWalker, Walk

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
_PROBED_ROWS = 20_000
"""Newest rows that are looked through before a search of sealed slices asks their indexes: where a
word is common they fill the page, and the index would bring all its rows to be sorted."""

_RARE_COUNT = 16
"""Slices of the first window where few rows are to be expected."""

_Sql: TypeAlias = ColumnElement[bool]


@dataclass(frozen=True)
class Search:
    """What is looked for, and when."""

    condition: Condition = ALWAYS
    since: datetime | None = None
    until: datetime | None = None
    is_rare: bool = False
    """Whether few rows are to be expected: the first window is as wide as any."""


@dataclass(frozen=True)
class Page:
    """Rows, newest first."""

    items: list[Item]
    has_more: bool
    """Whether more rows follow in the direction that was asked for."""
    searched_to: datetime | None
    """Set where time ran out: the range was searched up to there."""


def joined(pages: Sequence[Page], ask: PageAsk) -> Page:
    """Merge pages of the same ask into one; where time ran out in one, none counts beyond there."""
    is_older = ask.direction == "older"
    ends = [page.searched_to for page in pages if page.searched_to is not None]
    reached = None if not ends else max(ends) if is_older else min(ends)
    items = [
        item
        for page in pages
        for item in page.items
        if reached is None or (item.created_at >= reached) == is_older
    ]
    items.sort(key=lambda item: (item.created_at, item.id), reverse=True)
    has_more = len(items) > ask.limit or (reached is None and any(p.has_more for p in pages))
    kept = items[: ask.limit] if is_older else items[-ask.limit :]
    return Page(kept, has_more, searched_to=None if has_more else reached)


class EventStore:
    """Reads events, never without a `Scope`."""

    def __init__(self, engine: AsyncEngine, clock: Clock, budget: timedelta) -> None:
        self._engine = engine
        self._walker = SliceWalker(engine, clock)
        self._budget = budget

    async def page(self, scope: Scope, kind: Kind, search: Search, ask: PageAsk) -> Page:
        """Return one page; raises SearchTooSlow."""
        bounds = _bounds(search, ask)
        if scope.sees_nothing or bounds.lower >= bounds.upper:
            return Page([], has_more=False, searched_to=None)
        reading = _Reading(kind, search, scope, ask)
        walk = Walk(
            kind.table_name,
            bounds,
            newest_first=ask.direction == "older",
            budget=self._budget,
            first_count=_RARE_COUNT if search.is_rare else 1,
        )
        searched_to = await self._walker.walk(walk, reading.visit)
        return reading.page(searched_to)

    async def joined_page(
        self, scope: Scope, kinds: Sequence[Kind], search: Search, ask: PageAsk
    ) -> Page:
        """Return one page of several kinds in one order; raises SearchTooSlow."""
        pages = await asyncio.gather(*(self.page(scope, kind, search, ask) for kind in kinds))
        return joined(pages, ask)

    async def one(self, scope: Scope, kind: Kind, event_id: UUID) -> Item | None:
        """Return the row with that id, found by the time that the id carries."""
        if scope.sees_nothing:
            return None
        try:
            moment = id_moment(event_id)
            lower, upper = moment - MILLISECOND, moment + 2 * MILLISECOND
        except OverflowError:
            return None
        columns = kind.table.c
        statement = select(*kind.columns(kind.table)).where(
            columns.id == event_id,
            columns.created_at >= lower,
            columns.created_at < upper,
            *row_conditions(kind.table, ALWAYS, scope),
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else kind.reader()(row)


class _Reading:
    """One page being filled, window by window."""

    def __init__(self, kind: Kind, search: Search, scope: Scope, ask: PageAsk) -> None:
        self._kind = kind
        self._search = search
        self._scope = scope
        self._table = kind.table
        self._columns = kind.columns(kind.table)
        self._read = kind.reader()
        self._ask = ask
        self._is_older = ask.direction == "older"
        self._conditions = row_conditions(kind.table, search.condition, scope)
        self._is_indexed = has_indexed_contents(search.condition)
        self._found: list[Item] = []
        self._was_probed = False

    async def visit(self, connection: AsyncConnection, window: Window) -> bool:
        """Read one window; True where the page is full."""
        is_fenced = self._is_indexed and window.is_sealed
        if is_fenced and not self._was_probed and not self._found:
            self._was_probed = True
            probed = await self._rows(connection, self._probing(window))
            if len(probed) > self._ask.limit:
                self._found = probed
                return True
        self._found += await self._rows(connection, self._reading(window, is_fenced=is_fenced))
        return len(self._found) > self._ask.limit

    def page(self, searched_to: datetime | None) -> Page:
        """Return what was found."""
        items = self._found[: self._ask.limit]
        if not self._is_older:
            items.reverse()
        return Page(items, has_more=len(self._found) > self._ask.limit, searched_to=searched_to)

    async def _rows(self, connection: AsyncConnection, statement: Select[Any]) -> list[Item]:
        wanted = self._ask.limit + 1 - len(self._found)
        rows = await connection.execute(statement.limit(wanted))
        return [self._read(row) for row in rows]

    def _within(self, window: Window) -> list[_Sql]:
        columns = self._table.c
        made: list[_Sql] = [
            columns.created_at >= window.lower,
            columns.created_at < window.upper,
        ]
        if self._ask.place is not None:
            made.append(self._beyond(self._ask.place, self._ask.direction))
        return made

    def _reading(self, window: Window, *, is_fenced: bool) -> Select[Any]:
        inner = select(*self._columns).where(*self._conditions, *self._within(window))
        if not is_fenced:
            return self._ordered(inner, self._table.c)
        # keeps the planner from walking the primary key instead of asking the GIN index
        fenced = inner.offset(literal_column("0")).subquery()
        return self._ordered(select(fenced), fenced.c)

    def _probing(self, window: Window) -> Select[Any]:
        newest = self._ordered(select(self._table).where(*self._within(window)), self._table.c)
        probed = newest.limit(_PROBED_ROWS).subquery()
        conditions = row_conditions(probed, self._search.condition, self._scope)
        columns = self._kind.columns(probed)
        return self._ordered(select(*columns).where(*conditions), probed.c)

    def _ordered(self, statement: Select[Any], columns: Any) -> Select[Any]:
        keys = (columns.created_at, columns.id)
        return statement.order_by(*(key.desc() if self._is_older else key.asc() for key in keys))

    def _beyond(self, place: Place, direction: Direction) -> _Sql:
        """Compare as a row: (created_at, id) beyond the place; the bounds of time stand beside."""
        key = tuple_(self._table.c.created_at, self._table.c.id)
        bound = tuple_(place.created_at, place.id)
        return key < bound if direction == "older" else key > bound


def _bounds(search: Search, ask: PageAsk) -> Window:
    lower = max(search.since or BEGINNING, BEGINNING)
    upper = min(search.until or END, END)
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
