"""Keyset pages of small tables: (time, id), newest first."""

from typing import Any

from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.query.domain.pages import PageAsk, PageEdges, Place
from services.query.store.records import Record

Key = tuple[ColumnElement[Any], ColumnElement[Any]]


async def read_page(
    connection: AsyncConnection, statement: Select[Any], key: Key, ask: PageAsk
) -> tuple[list[Record], PageEdges]:
    """Return one page of rows and its edges; the statement selects both columns of the key."""
    is_older = ask.direction == "older"
    if ask.place is not None:
        bound = tuple_(ask.place.created_at, ask.place.id)
        statement = statement.where(tuple_(*key) < bound if is_older else tuple_(*key) > bound)
    ordered = statement.order_by(*(part.desc() if is_older else part.asc() for part in key))
    found = list(await connection.execute(ordered.limit(ask.limit + 1)))
    rows = found[: ask.limit]
    if not is_older:
        rows.reverse()
    places = [Place(*(row._mapping[part] for part in key)) for row in rows]
    return rows, PageEdges(
        first=places[0] if places else None,
        last=places[-1] if places else None,
        has_more=len(found) > ask.limit,
    )
