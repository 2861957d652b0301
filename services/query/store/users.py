"""Users, as admins see and change them."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.db.accounts import NewUser, change_user, create_user, lock_user
from libs.common.db.tables import User
from services.query.domain.errors import NotFound
from services.query.domain.etags import check_if_match
from services.query.domain.pages import PageAsk, PageEdges
from services.query.store.paging import read_page
from services.query.store.records import Record, read_one

_USER = select(
    User.id,
    User.email,
    User.role,
    User.subjects,
    User.is_active,
    User.created_at,
    User.updated_at,
)


class UserStore:
    """Reads and writes users."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, ask: PageAsk) -> tuple[list[Record], PageEdges]:
        """Return a page of users, newest first."""
        async with self._engine.connect() as connection:
            columns = User.__table__.c
            return await read_page(connection, _USER, (columns.created_at, columns.id), ask)

    async def one(self, user_id: UUID) -> Record:
        """Return a user; raises NotFound."""
        async with self._engine.connect() as connection:
            return await _read(connection, user_id)

    async def create(self, user: NewUser, actor: str) -> Record:
        """Make a user; raises EmailTaken."""
        async with self._engine.begin() as connection:
            return await _read(connection, await create_user(connection, user, actor))

    async def change(
        self, user_id: UUID, changes: dict[str, Any], if_match: str | None, actor: str
    ) -> Record:
        """Change a user that is still as `if_match` says; raises NotFound, LastAdmin, EmailTaken.

        A new password or role, and deactivation, end all sessions of the user.
        """
        async with self._engine.begin() as connection:
            user = await lock_user(connection, user_id)
            if user is None:
                raise NotFound("no such user")
            check_if_match(if_match, user.updated_at)
            await change_user(connection, user, changes, actor)
            return await _read(connection, user_id)


async def _read(connection: AsyncConnection, user_id: UUID) -> Record:
    return await read_one(connection, _USER.where(User.id == user_id), "user")
