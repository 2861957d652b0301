"""Which slices of a table are attached: the map that searches walk by."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.tables import Slice
from services.query.domain.windows import Window

HOT = "hot"
ATTACHED = (HOT, "sealed", "both")


async def attached_slices(
    connection: AsyncConnection, table_name: str, bounds: Window
) -> list[Window]:
    """Return the bounds of a table's attached slices that touch a range, oldest first."""
    rows = await connection.execute(
        select(Slice.lower_bound, Slice.upper_bound, Slice.state)
        .where(
            Slice.table_name == table_name,
            Slice.state.in_(ATTACHED),
            Slice.lower_bound < bounds.upper,
            Slice.upper_bound > bounds.lower,
        )
        .order_by(Slice.lower_bound)
    )
    return [Window(row.lower_bound, row.upper_bound, row.state != HOT) for row in rows]
