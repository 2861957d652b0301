"""Ingest keys: listed, made, rotated and changed, each change with its line in the audit log."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.db.accounts import (
    ImpossibleKey,
    NewIngestKey,
    NewSecret,
    change_ingest_key,
    create_ingest_key,
    lock_ingest_key,
    rotate_ingest_key,
)
from libs.common.db.tables import IngestKey
from services.query.domain.errors import InvalidDocument, NotFound
from services.query.domain.etags import check_if_match
from services.query.store.records import Record, read_one

_KEY = select(
    IngestKey.id,
    IngestKey.application,
    IngestKey.name,
    IngestKey.kind,
    IngestKey.origins,
    IngestKey.may_backfill,
    IngestKey.events_per_minute,
    IngestKey.is_enabled,
    IngestKey.previous_valid_until,
    IngestKey.created_at,
    IngestKey.updated_at,
)


class IngestKeyStore:
    """Reads and writes ingest keys; no secret ever comes back out."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def all(self) -> list[Record]:
        """Return all keys, newest first: they are made by hand, so there are few."""
        async with self._engine.connect() as connection:
            newest_first = _KEY.order_by(IngestKey.created_at.desc(), IngestKey.id.desc())
            return list(await connection.execute(newest_first))

    async def one(self, key_id: str) -> Record:
        """Return a key; raises NotFound."""
        async with self._engine.connect() as connection:
            return await _read(connection, key_id)

    async def create(self, key: NewIngestKey, actor: str) -> tuple[Record, NewSecret]:
        """Make a key; raises InvalidDocument."""
        try:
            async with self._engine.begin() as connection:
                secret = await create_ingest_key(connection, key, actor)
                return await _read(connection, secret.id), secret
        except ImpossibleKey as error:
            raise InvalidDocument(str(error)) from error

    async def rotate(self, key_id: str, actor: str, now: datetime) -> tuple[Record, NewSecret]:
        """Give a key a new secret; raises NotFound."""
        async with self._engine.begin() as connection:
            secret = await rotate_ingest_key(connection, key_id, actor, now)
            if secret is None:
                raise NotFound("no such ingest key")
            return await _read(connection, key_id), secret

    async def change(
        self, key_id: str, changes: dict[str, Any], if_match: str | None, actor: str
    ) -> Record:
        """Change a key that is still as `if_match` says; raises NotFound, InvalidDocument."""
        try:
            async with self._engine.begin() as connection:
                key = await lock_ingest_key(connection, key_id)
                if key is None:
                    raise NotFound("no such ingest key")
                check_if_match(if_match, key.updated_at)
                await change_ingest_key(connection, key, changes, actor)
                return await _read(connection, key_id)
        except ImpossibleKey as error:
            raise InvalidDocument(str(error)) from error


async def _read(connection: AsyncConnection, key_id: str) -> Record:
    return await read_one(connection, _KEY.where(IngestKey.id == key_id), "ingest key")
