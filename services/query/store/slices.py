"""Which slices of a table are attached: the map that searches walk by."""

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import aliased

from libs.common.db.tables import Slice
from services.query.domain.windows import MOST_SLICES, Window
from services.query.store.statements import Reader, compiled_once

HOT = "hot"
ATTACHED = (HOT, "sealed", "both")
_LOWER = bindparam("lower", None, DateTime(timezone=True))
_UPPER = bindparam("upper", None, DateTime(timezone=True))
_TABLE_NAME = bindparam("table_name", "", Text())
_OF_TABLE = (Slice.table_name == _TABLE_NAME, Slice.state.in_(ATTACHED))
_COLUMNS = (Slice.lower_bound, Slice.upper_bound, Slice.state != HOT)
_ALL = select(*_COLUMNS).where(*_OF_TABLE).order_by(Slice.lower_bound)

# The slice in which a range begins. Slices are disjoint, so those before it are not touched: with
# only `upper_bound > lower` the server would look at each of them.
_BEGIN = aliased(Slice)
_BEGINNING = (
    select(_BEGIN.lower_bound)
    .where(_BEGIN.table_name == _TABLE_NAME, _BEGIN.state.in_(ATTACHED))
    .where(_BEGIN.lower_bound <= _LOWER)
    .order_by(_BEGIN.lower_bound.desc())
    .limit(literal_column("1"))
    .scalar_subquery()
)


def _nearest(order: ColumnElement[datetime]) -> Select[datetime, datetime, bool, int | None]:
    return (
        # of sealed slices the rows were counted then
        select(*_COLUMNS, Slice.cleaned_row_count)
        .where(*_OF_TABLE, Slice.lower_bound < _UPPER, Slice.upper_bound > _LOWER)
        .where(Slice.lower_bound >= func.coalesce(_BEGINNING, _LOWER))
        .order_by(order)
        .limit(literal_column(str(MOST_SLICES)))
    )


_NEWEST, _OLDEST = _nearest(Slice.lower_bound.desc()), _nearest(Slice.lower_bound.asc())


async def attached_slices(reader: Reader, table_name: str) -> list[Window]:
    """Return a table's attached slices, oldest first, without their numbers of rows."""
    rows = await reader.fetch(compiled_once(_ALL), table_name=table_name)
    return [Window(*row) for row in rows]


async def nearest_slices(
    reader: Reader, table_name: str, bounds: Window, *, newest_first: bool
) -> list[Window]:
    """Return the newest or the oldest MOST_SLICES that a range touches, oldest first.

    Fewer are all of the range. What this costs does not grow with the slices of the table.
    """
    statement = compiled_once(_NEWEST if newest_first else _OLDEST)
    rows = await reader.fetch(
        statement, table_name=table_name, lower=bounds.lower, upper=bounds.upper
    )
    made = [Window(lower, upper, sealed, count or 0) for lower, upper, sealed, count in rows]
    return made[::-1] if newest_first else made
