"""The login and keys of a local installation: made at the first start, kept in the home."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from headwater.home import Home, write_private
from libs.common.access_keys import secret_matches, split_key
from libs.common.db.accounts import (
    NewIngestKey,
    NewUser,
    create_api_token,
    create_ingest_key,
    create_user,
    password_hasher,
)
from libs.common.db.engine import create_engine
from libs.common.db.tables import ApiToken, IngestKey, User

ACTOR = "headwater up"
ADMIN_EMAIL = "admin@headwater.local"
DEMO_APPLICATION = "demo"
OWN_APPLICATION = "headwater"


@dataclass(frozen=True)
class Secrets:
    """What the home knows by heart."""

    admin_email: str = ADMIN_EMAIL
    admin_password: str = field(default="", repr=False)
    api_token: str = field(default="", repr=False)
    ingest_key: str = field(default="", repr=False)
    """Server key of the application `demo`."""
    own_ingest_key: str = field(default="", repr=False)
    """Key of the check that `up` makes, of an application of its own."""


async def ensure_accounts(home: Home, database_url: str) -> Secrets:
    """Return an admin, a token and keys that the database knows, making what is missing.

    The database may be a new one, or another than at the last start.
    """
    known = read_secrets(home)
    engine = create_engine(database_url, "up", pool_size=1)
    try:
        async with engine.begin() as connection:
            user_id, password = await _ensure_admin(connection, known)
            secrets_now = Secrets(
                known.admin_email,
                password,
                await _ensure_token(connection, known.api_token, user_id),
                await _ensure_key(connection, known.ingest_key, DEMO_APPLICATION),
                await _ensure_key(connection, known.own_ingest_key, OWN_APPLICATION),
            )
            # Before the commit: a secret that only the database knows is lost.
            write_private(home.secrets_file, json.dumps(asdict(secrets_now), indent=2) + "\n")
    finally:
        await engine.dispose()
    return secrets_now


def read_secrets(home: Home) -> Secrets:
    """Return what the home knows, nothing at the first start."""
    try:
        return Secrets(**json.loads(home.secrets_file.read_text()))
    except FileNotFoundError:
        return Secrets()


async def _ensure_admin(connection: AsyncConnection, known: Secrets) -> tuple[UUID, str]:
    found = await connection.execute(select(User.id).where(User.email == known.admin_email))
    user_id = found.scalar_one_or_none()
    if user_id is not None and known.admin_password:
        return user_id, known.admin_password
    password = secrets.token_urlsafe(15)
    if user_id is not None:
        # The home was lost and the database was not: nobody knows the password any more.
        await connection.execute(delete(User).where(User.id == user_id))
    admin = NewUser(known.admin_email, password_hasher().hash(password), "admin")
    return await create_user(connection, admin, ACTOR), password


async def _ensure_token(connection: AsyncConnection, text: str, user_id: UUID) -> str:
    parts = split_key(text, "hwt")
    if parts is not None:
        found = await connection.execute(
            select(ApiToken.secret_hash).where(
                ApiToken.id == parts[0], ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None)
            )
        )
        if _knows(found.scalar_one_or_none(), parts[1]):
            return text
    made = await create_api_token(connection, user_id=user_id, name=ACTOR, actor=ACTOR)
    return made.text


async def _ensure_key(connection: AsyncConnection, text: str, application: str) -> str:
    parts = split_key(text, "hw")
    if parts is not None:
        found = await connection.execute(
            select(IngestKey.secret_hash).where(
                IngestKey.id == parts[0], IngestKey.is_enabled.is_(True)
            )
        )
        if _knows(found.scalar_one_or_none(), parts[1]):
            return text
    key = NewIngestKey(application, "server", f"{application} of this home", may_backfill=True)
    made = await create_ingest_key(connection, key, ACTOR)
    return made.text


def _knows(secret_hash: bytes | None, secret: str) -> bool:
    return secret_hash is not None and secret_matches(secret, secret_hash)
