"""How far the writer has stored each Kafka partition."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db.engine import DATABASE_ERRORS
from libs.common.db.tables import ConsumerOffset
from services.query.domain.completeness import StoredOffset

_WRITER = "writer"


class OffsetStore:
    """Reads the writer's offsets."""

    failures: tuple[type[Exception], ...] = DATABASE_ERRORS
    """What reading raises while the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def stored(self, topic: str) -> dict[int, StoredOffset]:
        """Return the offsets by partition."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(
                select(
                    ConsumerOffset.partition,
                    ConsumerOffset.next_offset,
                    ConsumerOffset.last_record_at,
                    ConsumerOffset.stopped_reason,
                ).where(ConsumerOffset.consumer == _WRITER, ConsumerOffset.topic == topic)
            )
            return {
                row.partition: StoredOffset(row.next_offset, row.last_record_at, row.stopped_reason)
                for row in rows
            }
