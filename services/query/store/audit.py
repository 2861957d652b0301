"""The audit log."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db.tables import AuditEntry
from services.query.domain.pages import PageAsk, PageEdges
from services.query.store.paging import read_page
from services.query.store.records import Record


class AuditStore:
    """Reads the audit log."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, ask: PageAsk) -> tuple[list[Record], PageEdges]:
        """Return a page of entries, newest first."""
        columns = AuditEntry.__table__.c
        async with self._engine.connect() as connection:
            return await read_page(connection, select(*columns), (columns.at, columns.id), ask)
