"""The ledger's counts, as gateways and writers keep them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.db.tables import ConsumerOffset, GatewayBoot, LedgerReceived, LedgerStored
from services.query.domain.ledger import Boot, HourCount

_OUTCOMES = ("stored", "aggregated_only", "duplicate", "conflict", "dead_lettered")


@dataclass(frozen=True)
class LedgerReading:
    """What the tables say at one moment."""

    counts: list[HourCount]
    boots: list[Boot]
    last_stored_at: datetime | None


class LedgerStore:
    """Reads the ledger."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def read(self, since: datetime) -> LedgerReading:
        """Return the counts of all hours from `since` on, all seen at one moment."""
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin():
                counts: dict[tuple[str, datetime], HourCount] = {}
                await _add_received(connection, since, counts)
                await _add_stored(connection, since, counts)
                boots = await connection.execute(
                    select(
                        GatewayBoot.instance,
                        GatewayBoot.started_at,
                        GatewayBoot.flushed_at,
                        GatewayBoot.ended_at,
                    )
                    .where(GatewayBoot.flushed_at >= since)
                    .order_by(GatewayBoot.started_at.desc())
                )
                last_stored_at = await connection.execute(
                    select(func.max(ConsumerOffset.last_record_at))
                )
                return LedgerReading(
                    sorted(counts.values(), key=lambda count: (count.hour, count.key_id)),
                    [Boot(*row) for row in boots],
                    last_stored_at.scalar(),
                )

    async def server_version(self) -> str:
        """Return the database's version: it answers."""
        async with self._engine.connect() as connection:
            return str((await connection.execute(text("SHOW server_version"))).scalar_one())


Counts = dict[tuple[str, datetime], HourCount]


async def _add_received(connection: AsyncConnection, since: datetime, counts: Counts) -> None:
    rows = await connection.execute(
        select(
            LedgerReceived.key_id,
            LedgerReceived.hour,
            LedgerReceived.received,
            LedgerReceived.accepted,
            LedgerReceived.unknown,
            LedgerReceived.rejected,
        ).where(LedgerReceived.hour >= since)
    )
    for row in rows:
        count = counts.setdefault((row.key_id, row.hour), HourCount(row.key_id, row.hour))
        count.received += row.received
        count.accepted += row.accepted
        count.unknown += row.unknown
        for reason, rejected in row.rejected.items():
            count.rejected[reason] = count.rejected.get(reason, 0) + rejected


async def _add_stored(connection: AsyncConnection, since: datetime, counts: Counts) -> None:
    sums = [func.sum(LedgerStored.__table__.c[name]).label(name) for name in _OUTCOMES]
    rows = await connection.execute(
        select(LedgerStored.key_id, LedgerStored.hour, *sums)
        .where(LedgerStored.hour >= since)
        .group_by(LedgerStored.key_id, LedgerStored.hour)
    )
    for row in rows:
        count = counts.setdefault((row.key_id, row.hour), HourCount(row.key_id, row.hour))
        for name in _OUTCOMES:
            setattr(count, name, int(row._mapping[name]))
