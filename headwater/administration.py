"""What `headwater keys` and `headwater users` do to the database."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from headwater.stack.errors import StackError
from libs.common.access_names import (
    EMAIL,
    EMAIL_MAX_LENGTH,
    NAME_MAX_LENGTH,
    ORIGIN,
    ORIGIN_MAX_LENGTH,
    PRINTABLE,
    SUBJECT_MAX_COUNT,
    SUBJECT_PART_MAX_LENGTH,
)
from libs.common.clock import Clock
from libs.common.db.accounts import (
    EmailTaken,
    ImpossibleKey,
    LastAdmin,
    NewIngestKey,
    NewSecret,
    NewUser,
    change_ingest_key,
    change_user,
    create_ingest_key,
    create_user,
    list_ingest_keys,
    lock_ingest_key,
    lock_user,
    password_hasher,
    rotate_ingest_key,
)
from libs.common.db.engine import create_engine
from libs.common.db.tables import User

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
        except (EmailTaken, LastAdmin, ImpossibleKey) as error:
            raise StackError(str(error)) from error
        finally:
            await engine.dispose()

    async def create_key(self, key: NewIngestKey) -> NewSecret:
        """Make an ingest key; raises StackError where a name or origin cannot be one."""
        for name in (key.application, key.name):
            if not _is_printable(name, NAME_MAX_LENGTH):
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
            made = await rotate_ingest_key(connection, key_id, ACTOR, self._clock.now())
        if made is None:
            raise StackError(f"there is no key {key_id}")
        return made

    async def set_key_enabled(self, key_id: str, *, is_enabled: bool) -> None:
        """Refuse a key from now on, or take it again; raises StackError for an unknown one."""
        async with self._transaction() as connection:
            key = await lock_ingest_key(connection, key_id)
            if key is None:
                raise StackError(f"there is no key {key_id}")
            await change_ingest_key(connection, key, {"is_enabled": is_enabled}, ACTOR)

    async def create_user(self, email: str, password: str, role: str) -> UUID:
        """Make a user; raises StackError where the address is taken or is none."""
        if len(email) > EMAIL_MAX_LENGTH or not re.fullmatch(EMAIL, email):
            raise StackError(f"{email!r} is no e-mail address")
        user = NewUser(email, password_hasher().hash(password), role)
        async with self._transaction() as connection:
            return await create_user(connection, user, ACTOR)

    async def users(self) -> list[dict[str, Any]]:
        """Return all users without their passwords, oldest first."""
        columns = (User.id, User.email, User.role, User.subjects, User.is_active)
        async with self._transaction() as connection:
            rows = await connection.execute(select(*columns).order_by(User.created_at))
            return [dict(row) for row in rows.mappings()]

    async def set_password(self, email: str, password: str) -> None:
        """Change a password and end the user's sessions; raises StackError."""
        await self._change_user(email, {"password_hash": password_hasher().hash(password)})

    async def set_user_active(self, email: str, *, is_active: bool) -> None:
        """Let a user in no more, which ends the sessions, or again.

        Raises StackError, for the last admin too.
        """
        await self._change_user(email, {"is_active": is_active})

    async def set_subjects(self, email: str, subjects: Sequence[tuple[str, str]]) -> None:
        """Say whose rows a user sees: pairs of application and user id; none sees nothing.

        Raises StackError.
        """
        if len(subjects) > SUBJECT_MAX_COUNT:
            raise StackError(f"a user sees {SUBJECT_MAX_COUNT} subjects at the most")
        for part in (part for subject in subjects for part in subject):
            if not _is_printable(part, SUBJECT_PART_MAX_LENGTH):
                longest = SUBJECT_PART_MAX_LENGTH
                raise StackError(f"{part!r} is no subject: 1 to {longest} visible characters")
        await self._change_user(email, {"subjects": subjects})

    async def _change_user(self, email: str, changes: dict[str, Any]) -> None:
        async with self._transaction() as connection:
            user = await lock_user(connection, email)
            if user is None:
                raise StackError(f"there is no user {email}")
            await change_user(connection, user, changes, ACTOR)


def _is_printable(text: str, max_length: int) -> bool:
    return 0 < len(text) <= max_length and re.fullmatch(PRINTABLE, text) is not None
