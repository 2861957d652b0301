"""Signing in: users by e-mail, sessions by their cookie's hash, API tokens by id."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import DateTime, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.access_keys import secret_matches
from libs.common.db.accounts import change_user, lock_user, record_audit
from libs.common.db.tables import ApiToken, Session, User
from services.query.domain.errors import NotSignedIn
from services.query.domain.scope import Role, Scope, scope_of
from services.query.store.statements import compiled_once, reader


@dataclass(frozen=True)
class Identity:
    """Who asks."""

    user_id: UUID
    email: str
    role: Role
    scope: Scope
    session_hash: bytes | None = None
    """Set where a cookie proved it, not a token."""

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@dataclass(frozen=True)
class Credentials:
    """What a login is checked against."""

    user_id: UUID
    email: str
    password_hash: str | None


def hash_cookie(cookie: str) -> bytes:
    """Hash a session's cookie; it is random, so a fast hash is right."""
    return hashlib.sha256(cookie.encode()).digest()


class AccountStore:
    """Reads and writes users' sessions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def credentials(self, email: str) -> Credentials | None:
        """Return an active user's credentials."""
        async with self._engine.connect() as connection:
            row = (
                await connection.execute(
                    select(User.id, User.email, User.password_hash).where(
                        func.lower(User.email) == func.lower(email), User.is_active
                    )
                )
            ).first()
        return None if row is None else Credentials(row.id, row.email, row.password_hash)

    async def open_session(
        self, user_id: UUID, cookie_hash: bytes, expires_at: datetime, user_agent: str | None
    ) -> Identity | None:
        """Store a new session and drop the user's expired ones. None: the user is gone."""
        async with self._engine.begin() as connection:
            user = (await connection.execute(_USER.where(User.id == user_id))).first()
            if user is None:
                return None
            await connection.execute(
                delete(Session).where(
                    Session.user_id == user_id, Session.expires_at < func.clock_timestamp()
                )
            )
            await connection.execute(
                insert(Session).values(
                    token_hash=cookie_hash,
                    user_id=user_id,
                    expires_at=expires_at,
                    user_agent=user_agent,
                )
            )
            await record_audit(connection, user.email, "session.open", str(user_id), {})
        return _identity(user, cookie_hash)

    async def close_session(self, identity: Identity) -> None:
        """Revoke one session."""
        async with self._engine.begin() as connection:
            await connection.execute(
                delete(Session).where(Session.token_hash == identity.session_hash)
            )
            await record_audit(
                connection, identity.email, "session.close", str(identity.user_id), {}
            )

    async def by_cookie(
        self, cookie_hash: bytes, now: datetime, sliding: timedelta | None
    ) -> Identity | None:
        """Return whose session it is; with `sliding`, one past its half is prolonged by use."""
        async with reader(self._engine) as connection:
            rows = await connection.fetch(
                compiled_once(_BY_COOKIE), token_hash=cookie_hash, now=now
            )
        if not rows:
            return None
        if sliding is not None and rows[0]["expires_at"] - now < sliding / 2:
            async with self._engine.begin() as changing:
                await changing.execute(
                    update(Session)
                    .where(Session.token_hash == cookie_hash)
                    .values(expires_at=now + sliding)
                )
        return _read_identity(rows[0], cookie_hash)

    async def by_token(self, token_id: str, secret: str, now: datetime) -> Identity | None:
        """Return whose API token it is."""
        async with reader(self._engine) as connection:
            rows = await connection.fetch(compiled_once(_BY_TOKEN), token_id=token_id)
        row = rows[0] if rows else None
        if row is None or not secret_matches(secret, row["secret_hash"]):
            return None
        if row["expires_at"] is not None and row["expires_at"] <= now:
            return None
        return _read_identity(row, None)

    async def set_password(self, identity: Identity, password_hash: str) -> None:
        """Change the own password and revoke all sessions of the user."""
        async with self._engine.begin() as connection:
            user = await lock_user(connection, identity.user_id)
            if user is None:
                raise NotSignedIn("the user is gone")
            changes = {"password_hash": password_hash}
            await change_user(connection, user, changes, identity.email)


_USER = select(User.id, User.email, User.role, User.subjects).where(User.is_active)
_BY_COOKIE = (
    _USER.add_columns(Session.expires_at)
    .join(Session, Session.user_id == User.id)
    .where(
        Session.token_hash == bindparam("token_hash", b""),
        Session.expires_at > bindparam("now", None, DateTime(timezone=True)),
    )
)
_BY_TOKEN = (
    _USER.add_columns(ApiToken.secret_hash, ApiToken.expires_at)
    .join(ApiToken, ApiToken.user_id == User.id)
    .where(ApiToken.id == bindparam("token_id", ""), ApiToken.revoked_at.is_(None))
)


def _identity(row: Any, session_hash: bytes | None) -> Identity:
    return Identity(row.id, row.email, row.role, scope_of(row.role, row.subjects), session_hash)


def _read_identity(row: asyncpg.Record, session_hash: bytes | None) -> Identity:
    scope = scope_of(row["role"], row["subjects"])
    return Identity(row["id"], row["email"], row["role"], scope, session_hash)
