"""Writing the ledger of one gateway process."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.db.tables import GatewayBoot, LedgerReceived
from services.ingest.domain.ledger import Tally


class LedgerStore:
    """Rows of `ledger_received` and `gateway_boots` that belong to this boot."""

    def __init__(self, engine: AsyncEngine, boot_id: UUID, instance: str) -> None:
        self._engine = engine
        self._boot_id = boot_id
        self._instance = instance

    async def begin(self, now: datetime) -> None:
        """Say that this boot has begun."""
        async with self._engine.begin() as connection:
            await connection.execute(
                insert(GatewayBoot)
                .values(
                    boot_id=self._boot_id,
                    instance=self._instance,
                    started_at=now,
                    flushed_at=now,
                )
                .on_conflict_do_nothing()
            )

    async def write(self, tallies: dict[tuple[str, datetime], Tally], now: datetime) -> None:
        """Write cumulative tallies: repeating a write changes nothing."""
        async with self._engine.begin() as connection:
            if tallies:
                rows = insert(LedgerReceived).values(
                    [
                        {
                            "boot_id": self._boot_id,
                            "key_id": key_id,
                            "hour": hour,
                            "received": tally.received,
                            "accepted": tally.accepted,
                            "unknown": tally.unknown,
                            "rejected": dict(tally.rejected),
                        }
                        for (key_id, hour), tally in tallies.items()
                    ]
                )
                await connection.execute(
                    rows.on_conflict_do_update(
                        index_elements=["boot_id", "key_id", "hour"],
                        set_={
                            name: rows.excluded[name]
                            for name in ("received", "accepted", "unknown", "rejected")
                        },
                    )
                )
            await self._mark(connection, flushed_at=now)

    async def end(self, now: datetime) -> None:
        """Say that the last flush is done: nothing of this boot is uncounted."""
        async with self._engine.begin() as connection:
            await self._mark(connection, flushed_at=now, ended_at=now)

    async def acknowledge_pause(self, *, is_paused: bool, now: datetime) -> None:
        """Say whether this process publishes nothing."""
        async with self._engine.begin() as connection:
            await self._mark(connection, flushed_at=now, is_paused=is_paused)

    async def _mark(self, connection: AsyncConnection, **values: object) -> None:
        await connection.execute(
            update(GatewayBoot).where(GatewayBoot.boot_id == self._boot_id).values(**values)
        )
