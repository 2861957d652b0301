"""Making and checking what gives access: ingest keys, API tokens, users.

Shared by query and the `headwater` command. A secret is shown once, when it is made; the database
holds hashes only.
"""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.access_keys import hash_secret
from libs.common.db.tables import ApiToken, AuditEntry, IngestKey, User

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 12
_SECRET_LENGTH = 40

ROTATION_OVERLAP = timedelta(hours=24)
"""How long the old secret of a rotated key goes on working."""


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


def password_hasher() -> PasswordHash:
    """Return the argon2id hasher. A hash takes 64 MiB and 50 ms: run it in a thread."""
    return PasswordHash((Argon2Hasher(),))


async def create_ingest_key(
    connection: AsyncConnection, key: NewIngestKey, actor: str
) -> NewSecret:
    """Make an ingest key and return its full text, which nobody can read again."""
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
            updated_at=now,
        )
    )
    if changed.rowcount == 0:
        return None
    await record_audit(connection, actor, "ingest_key.rotate", key_id, {})
    return NewSecret(key_id, f"hw_{key_id}_{secret}")


async def set_ingest_key_enabled(
    connection: AsyncConnection, key_id: str, *, enabled: bool, actor: str, now: datetime
) -> bool:
    """Enable or disable a key, its old secret with it. False: no such key."""
    changed = await connection.execute(
        update(IngestKey)
        .where(IngestKey.id == key_id)
        .values(is_enabled=enabled, updated_at=now, previous_secret_hash=None)
    )
    if changed.rowcount == 0:
        return False
    action = "ingest_key.enable" if enabled else "ingest_key.disable"
    await record_audit(connection, actor, action, key_id, {})
    return True


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


async def create_user(
    connection: AsyncConnection, *, email: str, password: str, role: str, actor: str
) -> UUID:
    """Make a user; raises sqlalchemy.exc.IntegrityError where the address is taken.

    Hashes the password on the calling thread (50 ms): servers hash in a thread and use the table.
    """
    user_id: UUID = (
        await connection.execute(
            insert(User)
            .values(email=email, password_hash=password_hasher().hash(password), role=role)
            .returning(User.id)
        )
    ).scalar_one()
    await record_audit(connection, actor, "user.create", str(user_id), {"role": role})
    return user_id


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


def _new_secret(prefix: str) -> NewSecret:
    secret_id = _random(_ID_LENGTH)
    return NewSecret(secret_id, f"{prefix}_{secret_id}_{_random(_SECRET_LENGTH)}")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
