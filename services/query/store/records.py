"""Rows whose columns are known by name."""

from typing import Any, TypeAlias

from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.query.domain.errors import NotFound

Record: TypeAlias = Row[*tuple[Any, ...]]


async def read_one(
    connection: AsyncConnection,
    statement: Select[*tuple[Any, ...]],
    named: str,
    *,
    for_update: bool = False,
) -> Record:
    """Return the one row of a statement; raises NotFound with the name of what is not there."""
    found = await connection.execute(statement.with_for_update() if for_update else statement)
    row: Record | None = found.first()
    if row is None:
        raise NotFound(f"no such {named}")
    return row
