"""Which slices of a table are attached: the map that searches walk by."""

from sqlalchemy import BigInteger, Integer, bindparam, cast, column, func, select, table

from libs.common.db.tables import Slice
from services.query.domain.windows import Window
from services.query.store.statements import Reader, compiled

HOT = "hot"
ATTACHED = (HOT, "sealed", "both")
# what the planner believes; of sealed slices it was counted when they were sealed
_ROW_COUNT = column("reltuples", Integer)
_CLASSES = table("pg_class", column("relname"), column("relkind"), _ROW_COUNT)
_STATEMENT = (
    select(
        Slice.lower_bound,
        Slice.upper_bound,
        Slice.state != HOT,
        cast(func.greatest(func.coalesce(_ROW_COUNT, 0), 0), BigInteger),
    )
    .outerjoin(_CLASSES, (_CLASSES.c.relname == Slice.name) & (_CLASSES.c.relkind == "r"))
    .where(Slice.table_name == bindparam("table_name", ""), Slice.state.in_(ATTACHED))
    .order_by(Slice.lower_bound)
)


async def attached_slices(reader: Reader, table_name: str) -> list[Window]:
    """Return a table's attached slices, oldest first."""
    rows = await reader.fetch(compiled(_STATEMENT), table_name=table_name)
    return [Window(*row) for row in rows]
