"""Making and changing what gives access: ingest keys, API tokens, users.

The one way for both query's admin API and the `headwater` command: the same rules hold, and the
same words stand in the audit log, whoever acts. A secret is shown once, when it is made; the
database holds hashes only.
"""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.access_keys import hash_secret
from libs.common.db.tables import ApiToken, AuditEntry, IngestKey, Session, User
from libs.common.http.problems import HeadwaterError

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 12
_SECRET_LENGTH = 40
_UNIQUE_VIOLATION = "23505"

ROTATION_OVERLAP = timedelta(hours=24)
"""How long the old secret of a rotated key goes on working."""


class EmailTaken(HeadwaterError):
    """Another user has the address."""

    reason = "email_taken"


class LastAdmin(HeadwaterError):
    """Nobody would be left to administer."""

    reason = "last_admin"


class ImpossibleKey(ValueError):
    """The parts of an ingest key do not go together; the message says which."""


@dataclass(frozen=True)
class NewSecret:
    """A key or token at the one moment when its secret is known."""

    id: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class NewIngestKey:
    """What an ingest key is made of."""

    application: str
    kind: str
    name: str
    origins: Sequence[str] = ()
    may_backfill: bool = False
    events_per_minute: int | None = None


@dataclass(frozen=True)
class LockedKey:
    """An ingest key that nobody else changes before the transaction ends."""

    id: str
    kind: str
    origins: Sequence[str]
    may_backfill: bool
    updated_at: datetime


@dataclass(frozen=True)
class NewUser:
    """What a user is made of."""

    email: str
    password_hash: str | None = field(repr=False)
    """None lets nobody in by password."""
    role: str
    subjects: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class LockedUser:
    """A user that nobody else changes before the transaction ends."""

    id: UUID
    role: str
    is_active: bool
    updated_at: datetime
    is_last_admin: bool


def check_ingest_key(key: NewIngestKey | LockedKey) -> None:
    """Raise ImpossibleKey where the parts of a key do not go together."""
    if key.kind == "browser" and (not key.origins or key.may_backfill):
        raise ImpossibleKey("a browser key needs origins and may not backfill")


def password_hasher() -> PasswordHash:
    """Return the argon2id hasher. A hash takes 64 MiB and 50 ms: run it in a thread."""
    return PasswordHash((Argon2Hasher(),))


async def create_ingest_key(
    connection: AsyncConnection, key: NewIngestKey, actor: str
) -> NewSecret:
    """Make an ingest key and return its full text, which nobody can read again.

    Raises ImpossibleKey.
    """
    check_ingest_key(key)
    made = _new_secret("hw")
    await connection.execute(
        insert(IngestKey).values(
            id=made.id,
            secret_hash=hash_secret(made.text.rsplit("_", 1)[1]),
            application=key.application,
            name=key.name,
            kind=key.kind,
            origins=list(key.origins),
            may_backfill=key.may_backfill,
            events_per_minute=key.events_per_minute,
        )
    )
    await record_audit(connection, actor, "ingest_key.create", made.id, {"kind": key.kind})
    return made


async def rotate_ingest_key(
    connection: AsyncConnection, key_id: str, actor: str, now: datetime
) -> NewSecret | None:
    """Give a key a new secret; the old one works for `ROTATION_OVERLAP` more. None: no such key."""
    secret = _random(_SECRET_LENGTH)
    changed = await connection.execute(
        update(IngestKey)
        .where(IngestKey.id == key_id)
        .values(
            previous_secret_hash=IngestKey.secret_hash,
            previous_valid_until=now + ROTATION_OVERLAP,
            secret_hash=hash_secret(secret),
            updated_at=func.clock_timestamp(),
        )
    )
    if changed.rowcount == 0:
        return None
    await record_audit(connection, actor, "ingest_key.rotate", key_id, {})
    return NewSecret(key_id, f"hw_{key_id}_{secret}")


async def lock_ingest_key(connection: AsyncConnection, key_id: str) -> LockedKey | None:
    """Lock an ingest key before a change; None: no such key."""
    found = await connection.execute(
        select(
            IngestKey.id,
            IngestKey.kind,
            IngestKey.origins,
            IngestKey.may_backfill,
            IngestKey.updated_at,
        )
        .where(IngestKey.id == key_id)
        .with_for_update()
    )
    row = found.first()
    return None if row is None else LockedKey(*row)


async def change_ingest_key(
    connection: AsyncConnection, key: LockedKey, changes: dict[str, Any], actor: str
) -> None:
    """Set columns of a locked key; raises ImpossibleKey."""
    ruled = {name: changes[name] for name in ("origins", "may_backfill") if name in changes}
    check_ingest_key(replace(key, **ruled))
    values: dict[str, Any] = changes | {"updated_at": func.clock_timestamp()}
    if changes.get("is_enabled") is False:
        # the secret before the last rotation must not come back with the key
        values |= {"previous_secret_hash": None, "previous_valid_until": None}
    await connection.execute(update(IngestKey).where(IngestKey.id == key.id).values(**values))
    await record_audit(connection, actor, "ingest_key.change", key.id, changes)


async def list_ingest_keys(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return all ingest keys without their secrets, oldest first."""
    rows = await connection.execute(
        select(
            IngestKey.id,
            IngestKey.application,
            IngestKey.name,
            IngestKey.kind,
            IngestKey.origins,
            IngestKey.may_backfill,
            IngestKey.events_per_minute,
            IngestKey.is_enabled,
            IngestKey.created_at,
            IngestKey.updated_at,
        ).order_by(IngestKey.created_at)
    )
    return [dict(row) for row in rows.mappings()]


async def create_user(connection: AsyncConnection, user: NewUser, actor: str) -> UUID:
    """Make a user; raises EmailTaken."""
    values = {"email": user.email, "role": user.role, "subjects": _as_lists(user.subjects)}
    statement = insert(User).values(**values, password_hash=user.password_hash).returning(User.id)
    try:
        user_id: UUID = (await connection.execute(statement)).scalar_one()
    except IntegrityError as error:
        raise _translated(error) from error
    await record_audit(connection, actor, "user.create", str(user_id), values)
    return user_id


async def lock_user(connection: AsyncConnection, who: UUID | str) -> LockedUser | None:
    """Lock a user, by id or e-mail address, before a change; None: no such user.

    All admins are locked with the user, and first, so that two of them cannot remove each other.
    """
    admins = await connection.execute(
        select(User.id)
        .where(User.role == "admin", User.is_active)
        .order_by(User.id)
        .with_for_update()
    )
    admin_ids = set(admins.scalars())
    is_it = User.id == who if isinstance(who, UUID) else func.lower(User.email) == func.lower(who)
    found = await connection.execute(
        select(User.id, User.role, User.is_active, User.updated_at).where(is_it).with_for_update()
    )
    row = found.first()
    return None if row is None else LockedUser(*row, is_last_admin=admin_ids == {row.id})


async def change_user(
    connection: AsyncConnection, user: LockedUser, changes: dict[str, Any], actor: str
) -> None:
    """Set columns of a locked user; raises LastAdmin, EmailTaken.

    A new password or role, and deactivation, end all sessions of the user.
    """
    role = changes.get("role", user.role)
    is_active = changes.get("is_active", user.is_active)
    if user.is_last_admin and not (role == "admin" and is_active):
        raise LastAdmin("nobody else could administer")
    if "subjects" in changes:
        changes = changes | {"subjects": _as_lists(changes["subjects"])}
    try:
        await connection.execute(
            update(User)
            .where(User.id == user.id)
            .values(**changes, updated_at=func.clock_timestamp())
        )
    except IntegrityError as error:
        raise _translated(error) from error
    if "password_hash" in changes or role != user.role or not is_active:
        await connection.execute(delete(Session).where(Session.user_id == user.id))
    details = {
        name: "changed" if name == "password_hash" else value for name, value in changes.items()
    }
    await record_audit(connection, actor, "user.change", str(user.id), details)


async def create_api_token(
    connection: AsyncConnection,
    *,
    user_id: UUID,
    name: str,
    actor: str,
    expires_at: datetime | None = None,
) -> NewSecret:
    """Make an API token with the rights of its user; its text is shown once."""
    made = _new_secret("hwt")
    await connection.execute(
        insert(ApiToken).values(
            id=made.id,
            user_id=user_id,
            secret_hash=hash_secret(made.text.rsplit("_", 1)[1]),
            name=name,
            expires_at=expires_at,
        )
    )
    await record_audit(connection, actor, "api_token.create", made.id, {"user": str(user_id)})
    return made


async def record_audit(
    connection: AsyncConnection, actor: str, action: str, subject: str, details: dict[str, Any]
) -> None:
    """Write one line of the audit log, in the caller's transaction."""
    await connection.execute(
        insert(AuditEntry).values(actor=actor, action=action, subject=subject, details=details)
    )


def _as_lists(subjects: Sequence[Sequence[str]]) -> list[list[str]]:
    return [list(subject) for subject in subjects]


def _translated(error: IntegrityError) -> Exception:
    if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
        return EmailTaken("another user has this address")
    return error


def _new_secret(prefix: str) -> NewSecret:
    secret_id = _random(_ID_LENGTH)
    return NewSecret(secret_id, f"{prefix}_{secret_id}_{_random(_SECRET_LENGTH)}")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
