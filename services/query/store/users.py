"""Users, as admins see and change them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.db.accounts import record_audit
from libs.common.db.tables import User
from services.query.domain.errors import EmailTaken, LastAdmin
from services.query.domain.etags import check_if_match
from services.query.domain.pages import PageAsk, PageEdges
from services.query.store.accounts import revoke_sessions
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
_UNIQUE_VIOLATION = "23505"


@dataclass(frozen=True)
class NewUser:
    """What a user is made of."""

    email: str
    password_hash: str | None
    role: str
    subjects: list[list[str]]


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
        try:
            async with self._engine.begin() as connection:
                user_id: UUID = (
                    await connection.execute(
                        insert(User)
                        .values(
                            email=user.email,
                            password_hash=user.password_hash,
                            role=user.role,
                            subjects=user.subjects,
                        )
                        .returning(User.id)
                    )
                ).scalar_one()
                details = {"email": user.email, "role": user.role, "subjects": user.subjects}
                await record_audit(connection, actor, "user.create", str(user_id), details)
                return await _read(connection, user_id)
        except IntegrityError as error:
            raise _translated(error) from error

    async def change(
        self, user_id: UUID, changes: dict[str, Any], if_match: str | None, actor: str
    ) -> Record:
        """Change a user that is still as `if_match` says; raises NotFound, LastAdmin, EmailTaken.

        A new password or role, and deactivation, end all sessions of the user.
        """
        try:
            async with self._engine.begin() as connection:
                # all admins are locked, so that two of them cannot remove each other
                admins = (
                    await connection.execute(
                        select(User.id)
                        .where(User.role == "admin", User.is_active)
                        .order_by(User.id)
                        .with_for_update()
                    )
                ).scalars()
                others = set(admins) - {user_id}
                before = await _read(connection, user_id, for_update=True)
                check_if_match(if_match, before.updated_at)
                after = dict(before._mapping) | changes
                was_admin = before.role == "admin" and before.is_active
                if (
                    was_admin
                    and not others
                    and not (after["role"] == "admin" and after["is_active"])
                ):
                    raise LastAdmin("nobody else could administer")
                await connection.execute(
                    update(User)
                    .where(User.id == user_id)
                    .values(**changes, updated_at=func.clock_timestamp())
                )
                if _ends_sessions(before, after, changes):
                    await revoke_sessions(connection, user_id)
                details = {
                    name: "changed" if name == "password_hash" else value
                    for name, value in changes.items()
                }
                await record_audit(connection, actor, "user.change", str(user_id), details)
                return await _read(connection, user_id)
        except IntegrityError as error:
            raise _translated(error) from error


def _ends_sessions(before: Record, after: dict[str, Any], changes: dict[str, Any]) -> bool:
    return "password_hash" in changes or before.role != after["role"] or not after["is_active"]


def _translated(error: IntegrityError) -> Exception:
    if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
        return EmailTaken("another user has this address")
    return error


async def _read(connection: AsyncConnection, user_id: UUID, *, for_update: bool = False) -> Record:
    statement = _USER.where(User.id == user_id)
    return await read_one(connection, statement, "user", for_update=for_update)
