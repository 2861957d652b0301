"""Statements that read events in keyset order, as hot and as sealed slices are best asked."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Select,
    Subquery,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)

from services.query.domain.conditions import Condition
from services.query.domain.pages import LOWEST_ID, Direction, PageAsk, Place
from services.query.domain.scope import Scope
from services.query.domain.windows import Window
from services.query.store.kinds import Kind
from services.query.store.log_conditions import (
    equal_names,
    equal_values,
    equalities,
    has_indexed_contents,
    names_one,
    row_conditions,
)
from services.query.store.statements import Planning, Statement, compiled

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)
_MOST_KEPT, _MOST_KEPT_SUBJECTS = 200, 20
"""Searches whose statements are kept: those may hold as much text as a request's head."""

_Sql: TypeAlias = ColumnElement[bool]

_MOMENT = DateTime(timezone=True)
_LOWER, _UPPER = bindparam("lower", None, _MOMENT), bindparam("upper", None, _MOMENT)
_PLACE_AT, _PLACE_ID = bindparam("place_at", None, _MOMENT), bindparam("place_id", None, Uuid())
_LIMIT: Any = bindparam("limit", None, Integer())
_PROBED: Any = bindparam("probed", None, Integer())
_BLOCK_MARKS = ("<lowest>", "<highest>")
_LOWEST: ColumnElement[datetime]
_HIGHEST: ColumnElement[datetime]
_LOWEST, _HIGHEST = (literal_column(f"'{mark}'::timestamptz") for mark in _BLOCK_MARKS)


@dataclass(frozen=True)
class Reading:
    """A statement for one window, ready to be run."""

    text: str
    values: list[Any]


_Form: TypeAlias = Callable[..., Select[Any]]
_Forms: TypeAlias = dict[tuple[str, bool, bool], Statement]


class KeysetStatements:
    """Makes the statements of one search: each form is compiled once, whatever the window.

    They are kept: a search that is asked again, goes on, or differs only in the values that rows
    have to equal, finds them made. To build and compile one takes as long as to run it.
    """

    def __init__(
        self, kind: Kind, condition: Condition, scope: Scope, direction: Direction
    ) -> None:
        self._kind = kind
        self._table = kind.table
        self._condition = condition
        self._scope = scope
        self._direction = direction
        equal = equal_values(kind.table, condition, scope)
        self._equal = None if equal is None else tuple(equal)
        self._given = equal_names(equal or {})
        self._forms: _Forms = {}
        if len(scope.subjects or ()) <= _MOST_KEPT_SUBJECTS:
            asked = (condition, scope) if equal is None else self._equal
            self._forms = _kept_forms(kind, direction, asked)
        self.is_indexed = has_indexed_contents(condition)
        """Whether sealed slices find the rows by what they contain."""
        self.has_bloom = names_one(condition, "trace_id", "user_id")
        """Whether hot slices have a bloom that leaves most blocks out."""
        self.is_selective = self.is_indexed or self.has_bloom
        """Whether sealed slices find the rows by an index, and nothing else has to be read."""
        self.is_rare = names_one(condition, "trace_id")
        """Whether there are few rows for certain."""

    def planning(self, window: Window) -> Planning:
        """Return how a window is to be planned."""
        if window.block is not None:
            return Planning.ONCE
        return Planning.BY_INDEX if self.has_bloom and not window.is_sealed else Planning.EACH

    def is_fenced(self, window: Window) -> bool:
        """Say whether an index finds the rows of a window better than a walk along the key."""
        return self.is_indexed if window.is_sealed else self.has_bloom

    def reading(
        self, window: Window, place: Place | None, limit: int, *, is_fenced: bool
    ) -> Reading:
        """Read the rows of a window beyond a place; `is_fenced` fetches them all, then sorts."""
        return self._made(self._fenced if is_fenced else self._plain, window, place, limit)

    def counting(self, window: Window, place: Place | None) -> Reading:
        """Count the rows of a window beyond a place."""
        return self._made(self._count, window, place, 0)

    def probing(self, window: Window, place: Place | None, limit: int, probed: int) -> Reading:
        """Look only through the first so many rows of a window."""
        return self._made(self._probe, window, place, limit, probed)

    def _made(
        self,
        form: _Form,
        window: Window,
        place: Place | None,
        limit: int,
        probed: int = 0,
    ) -> Reading:
        key = (form.__name__, place is not None, window.block is not None)
        statement = self._forms.get(key)
        if statement is None:
            made = form(has_place=key[1]) if window.block is None else self._once(has_place=key[1])
            statement = self._forms[key] = compiled(made)
        given: dict[str, Any] = {"lower": window.lower, "upper": window.upper}
        given |= {"limit": limit, "probed": probed, **self._given}
        if place is not None:
            given |= {"place_at": place.created_at, "place_id": place.id}
        text = statement.text
        if window.block is not None:
            for mark, moment in zip(_BLOCK_MARKS, window.block, strict=True):
                text = text.replace(mark, moment.isoformat())
        return Reading(text, statement.values(given))

    def _plain(self, *, has_place: bool) -> Select[Any]:
        inner = self._inner(self._within(self._table.c, has_place=has_place))
        return self._ordered(inner, self._table.c).limit(_LIMIT)

    def _fenced(self, *, has_place: bool) -> Select[Any]:
        fenced = _fence(self._inner(self._within(self._table.c, has_place=has_place)))
        return self._ordered(select(fenced), fenced.c).limit(_LIMIT)

    def _once(self, *, has_place: bool) -> Select[Any]:
        """Read a window of a block, by a plan that is kept.

        The block's bounds stand in the text, where the planner sees them. Those of the window are
        kept from it by the fence: it would take any range of unknown bounds for a small one, and
        walk the primary key.
        """
        columns = self._table.c
        fenced = _fence(self._inner([columns.created_at >= _LOWEST, columns.created_at < _HIGHEST]))
        outer = select(fenced).where(*self._within(fenced.c, has_place=has_place))
        return self._ordered(outer, fenced.c).limit(_LIMIT)

    def _count(self, *, has_place: bool) -> Select[Any]:
        within = self._within(self._table.c, has_place=has_place)
        conditions = self._conditions(self._table)
        return select(func.count()).select_from(self._table).where(*conditions, *within)

    def _probe(self, *, has_place: bool) -> Select[Any]:
        within = self._within(self._table.c, has_place=has_place)
        nearest = self._ordered(select(self._table).where(*within), self._table.c)
        probed = nearest.limit(_PROBED).subquery()
        found = select(*self._kind.columns(probed)).where(*self._conditions(probed))
        return self._ordered(found, probed.c).limit(_LIMIT)

    def _inner(self, within: list[_Sql]) -> Select[Any]:
        conditions = self._conditions(self._table)
        return select(*self._kind.columns(self._table)).where(*conditions, *within)

    def _conditions(self, rows: FromClause) -> list[_Sql]:
        if self._equal is None:
            return row_conditions(rows, self._condition, self._scope)
        return equalities(rows, self._equal)

    def _within(self, columns: Any, *, has_place: bool) -> list[_Sql]:
        made: list[_Sql] = [columns.created_at >= _LOWER, columns.created_at < _UPPER]
        if has_place:
            # compared as a row; the bounds of time stand beside it, for it prunes no slices
            key, place = tuple_(columns.created_at, columns.id), tuple_(_PLACE_AT, _PLACE_ID)
            made.append(key < place if self._direction == "older" else key > place)
        return made

    def _ordered(self, statement: Select[Any], columns: Any) -> Select[Any]:
        keys = (columns.created_at, columns.id)
        is_older = self._direction == "older"
        return statement.order_by(*(key.desc() if is_older else key.asc() for key in keys))


@lru_cache(maxsize=_MOST_KEPT)
def _kept_forms(_kind: Kind, _direction: Direction, _asked: Hashable) -> _Forms:
    """Return the forms that were made of such a search so far, to be added to."""
    return {}


def _fence(statement: Select[Any]) -> Subquery:
    """Keep the planner from walking the primary key instead of asking the index."""
    return statement.offset(literal_column("0")).subquery()


def page_bounds(since: datetime | None, until: datetime | None, ask: PageAsk) -> Window:
    """Return the range in which a page can lie."""
    lower = max(since or BEGINNING, BEGINNING)
    upper = min(until or END, END)
    if ask.place is not None:
        if ask.direction == "older":
            upper = min(upper, just_after(ask.place))
        else:
            lower = max(lower, ask.place.created_at)
    return Window(lower, upper)


def just_after(place: Place) -> datetime:
    """Return the bound above a place; with the lowest id no row of its moment is older than it."""
    if place.id == LOWEST_ID:
        return place.created_at
    return min(place.created_at, END) + timedelta(microseconds=1)
