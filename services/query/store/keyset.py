"""Statements that read events in keyset order, as hot and as sealed slices are best asked."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, func, literal_column, select, tuple_

from services.query.domain.conditions import Condition
from services.query.domain.pages import LOWEST_ID, Direction, PageAsk, Place
from services.query.domain.scope import Scope
from services.query.domain.windows import Window
from services.query.store.kinds import Kind
from services.query.store.log_conditions import has_indexed_contents, row_conditions

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)
_PROBED_ROWS = 20_000
"""Newest rows that are looked through before a search of sealed slices asks their indexes: where a
word is common they fill the page, and the index would bring all its rows to be sorted."""

_Sql: TypeAlias = ColumnElement[bool]


class KeysetStatements:
    """Builds the statements of one search; a limit is for the caller to add."""

    def __init__(
        self, kind: Kind, condition: Condition, scope: Scope, direction: Direction
    ) -> None:
        self._kind = kind
        self._table = kind.table
        self._condition = condition
        self._scope = scope
        self._direction = direction
        self._columns = kind.columns(kind.table)
        self._conditions = row_conditions(kind.table, condition, scope)
        self.is_indexed = has_indexed_contents(condition)
        """Whether sealed slices find the rows by what they contain."""

    def reading(self, window: Window, place: Place | None, *, is_fenced: bool) -> Select[Any]:
        """Read the rows of a window beyond a place; `is_fenced` asks the index on contents."""
        inner = select(*self._columns).where(*self._conditions, *self._within(window, place))
        if not is_fenced:
            return self._ordered(inner, self._table.c)
        # keeps the planner from walking the primary key instead of asking the GIN index
        fenced = inner.offset(literal_column("0")).subquery()
        return self._ordered(select(fenced), fenced.c)

    def counting(self, window: Window, place: Place | None) -> Select[Any]:
        """Count the rows of a window beyond a place."""
        inside = (*self._conditions, *self._within(window, place))
        return select(func.count()).select_from(self._table).where(*inside)

    def probing(self, window: Window, place: Place | None) -> Select[Any]:
        """Look only through the first rows of a window."""
        nearest = self._ordered(
            select(self._table).where(*self._within(window, place)), self._table.c
        )
        probed = nearest.limit(_PROBED_ROWS).subquery()
        conditions = row_conditions(probed, self._condition, self._scope)
        return self._ordered(select(*self._kind.columns(probed)).where(*conditions), probed.c)

    def _within(self, window: Window, place: Place | None) -> list[_Sql]:
        columns = self._table.c
        made: list[_Sql] = [
            columns.created_at >= window.lower,
            columns.created_at < window.upper,
        ]
        if place is not None:
            made.append(self._beyond(place))
        return made

    def _ordered(self, statement: Select[Any], columns: Any) -> Select[Any]:
        keys = (columns.created_at, columns.id)
        is_older = self._direction == "older"
        return statement.order_by(*(key.desc() if is_older else key.asc() for key in keys))

    def _beyond(self, place: Place) -> _Sql:
        """Compare as a row: (created_at, id) beyond the place; the bounds of time stand beside."""
        key = tuple_(self._table.c.created_at, self._table.c.id)
        bound = tuple_(place.created_at, place.id)
        return key < bound if self._direction == "older" else key > bound


def page_bounds(since: datetime | None, until: datetime | None, ask: PageAsk) -> Window:
    """Return the range in which a page can lie."""
    lower = max(since or BEGINNING, BEGINNING)
    upper = min(until or END, END)
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
