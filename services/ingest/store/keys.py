"""A copy of all ingest keys in memory."""

import asyncio

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db.tables import IngestKey, TopicPause
from services.ingest.domain.keys import IngestKeyRecord


class KeyStore:
    """The last copy of `ingest_keys`; with Postgres away it goes on serving."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.keys: dict[str, IngestKeyRecord] = {}
        self.were_read = asyncio.Event()
        """Set once there is a copy at all."""

    async def refresh(self) -> None:
        """Read all keys anew; raises what SQLAlchemy raises and keeps the last copy then."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(
                select(
                    IngestKey.id,
                    IngestKey.secret_hash,
                    IngestKey.previous_secret_hash,
                    IngestKey.previous_valid_until,
                    IngestKey.application,
                    IngestKey.kind,
                    IngestKey.origins,
                    IngestKey.may_backfill,
                    IngestKey.events_per_minute,
                    IngestKey.is_enabled,
                )
            )
            keys = {
                row.id: IngestKeyRecord(**{**row._mapping, "origins": tuple(row.origins)})
                for row in rows
            }
        self.keys = keys
        self.were_read.set()

    async def paused_topics(self) -> dict[str, str]:
        """Return the topics that must not be published to just now, with the reason."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(TopicPause.topic, TopicPause.reason))
            return {row.topic: row.reason for row in rows}
