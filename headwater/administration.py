"""What `headwater keys` and `headwater users` do to the database."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from headwater.stack.errors import StackError
from libs.common.access_names import (
    EMAIL,
    EMAIL_MAX_LENGTH,
    NAME_MAX_LENGTH,
    ORIGIN,
    ORIGIN_MAX_LENGTH,
    PRINTABLE,
)
from libs.common.clock import Clock
from libs.common.db.accounts import (
    NewIngestKey,
    NewSecret,
    create_ingest_key,
    create_user,
    list_ingest_keys,
    password_hasher,
    record_audit,
    rotate_ingest_key,
    set_ingest_key_enabled,
)
from libs.common.db.engine import create_engine
from libs.common.db.tables import Session, User

ACTOR = "headwater command"


class Administration:
    """Changes keys and users directly in the database, each in one transaction with its audit."""

    def __init__(self, database_url: str, clock: Clock) -> None:
        self._database_url = database_url
        self._clock = clock

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        engine = create_engine(self._database_url, "command", pool_size=1)
        try:
            async with engine.begin() as connection:
                yield connection
        finally:
            await engine.dispose()

    def _now(self) -> datetime:
        return self._clock.now()

    async def create_key(self, key: NewIngestKey) -> NewSecret:
        """Make an ingest key; raises StackError where a name or origin cannot be one."""
        for name in (key.application, key.name):
            if not (0 < len(name) <= NAME_MAX_LENGTH and re.fullmatch(PRINTABLE, name)):
                raise StackError(f"{name!r} is no name: 1 to {NAME_MAX_LENGTH} visible characters")
        for origin in key.origins:
            if len(origin) > ORIGIN_MAX_LENGTH or not re.fullmatch(ORIGIN, origin):
                raise StackError(f"{origin!r} is no origin: write it as https://shop.example.com")
        key = replace(key, origins=[origin.lower() for origin in key.origins])
        async with self._transaction() as connection:
            return await create_ingest_key(connection, key, ACTOR)

    async def keys(self) -> list[dict[str, Any]]:
        """Return all ingest keys."""
        async with self._transaction() as connection:
            return await list_ingest_keys(connection)

    async def rotate_key(self, key_id: str) -> NewSecret:
        """Give a key a new secret; raises StackError for an unknown one."""
        async with self._transaction() as connection:
            made = await rotate_ingest_key(connection, key_id, ACTOR, self._now())
        if made is None:
            raise StackError(f"there is no key {key_id}")
        return made

    async def disable_key(self, key_id: str) -> None:
        """Refuse a key from now on; raises StackError for an unknown one."""
        async with self._transaction() as connection:
            found = await set_ingest_key_enabled(
                connection, key_id, enabled=False, actor=ACTOR, now=self._now()
            )
        if not found:
            raise StackError(f"there is no key {key_id}")

    async def create_user(self, email: str, password: str, role: str) -> UUID:
        """Make a user; raises StackError where the address is taken or is none."""
        if len(email) > EMAIL_MAX_LENGTH or not re.fullmatch(EMAIL, email):
            raise StackError(f"{email!r} is no e-mail address")
        try:
            async with self._transaction() as connection:
                return await create_user(
                    connection, email=email, password=password, role=role, actor=ACTOR
                )
        except IntegrityError:
            raise StackError(f"{email} exists already") from None

    async def users(self) -> list[dict[str, Any]]:
        """Return all users without their passwords, oldest first."""
        columns = (User.id, User.email, User.role, User.subjects, User.is_active)
        async with self._transaction() as connection:
            rows = await connection.execute(select(*columns).order_by(User.created_at))
            return [dict(row) for row in rows.mappings()]

    async def set_password(self, email: str, password: str) -> None:
        """Change a password and end the user's sessions."""
        values = {"password_hash": password_hasher().hash(password)}
        await self._change_user(email, "user.set_password", values, ends_sessions=True)

    async def disable_user(self, email: str) -> None:
        """Let a user in no more, and end the sessions."""
        await self._change_user(email, "user.disable", {"is_active": False}, ends_sessions=True)

    async def set_subjects(self, email: str, subjects: Sequence[tuple[str, str]]) -> None:
        """Say whose rows a user sees: pairs of application and user id; none sees nothing."""
        values = {"subjects": [list(subject) for subject in subjects]}
        await self._change_user(email, "user.set_subjects", values, ends_sessions=False)

    async def _change_user(
        self, email: str, action: str, values: dict[str, Any], *, ends_sessions: bool
    ) -> None:
        async with self._transaction() as connection:
            changed = await connection.execute(
                update(User)
                .where(func.lower(User.email) == email.lower())
                .values(**values, updated_at=self._now())
                .returning(User.id)
            )
            user_id = changed.scalar_one_or_none()
            if user_id is None:
                raise StackError(f"there is no user {email}")
            if ends_sessions:
                await connection.execute(delete(Session).where(Session.user_id == user_id))
            details = {"subjects": values["subjects"]} if "subjects" in values else {}
            await record_audit(connection, ACTOR, action, str(user_id), details)
