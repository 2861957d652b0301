"""Day partitions of `ingested_batches`, by Kafka's time of the first copy."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import asyncpg

from libs.common.db.offsets import Fence
from libs.common.telemetry.logs import get_logger
from services.writer.store.slices import Slices

log = get_logger(__name__)

TABLE = "ingested_batches"
KEPT_AFTER = timedelta(days=8)
"""Longer than Kafka keeps records and than any client of ours repeats a batch."""
_LOCK_KEY = 0x6865_6164_6461_7973
_NAME = re.compile(TABLE + r"_(\d{8})")


@dataclass
class Days:
    """The days that have a partition; shares the DDL connection of the slices."""

    slices: Slices
    _known: set[date] = field(default_factory=set)

    async def ensure(self, moments: Iterable[datetime]) -> None:
        """Make the partitions of the days of Kafka times."""
        missing = {moment.date() for moment in moments} - self._known
        if not missing:
            return
        async with self.slices.guard:
            connection = await self.slices.database.connect()
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
                there = await _read_days(connection)
                for day in sorted(missing - there):
                    await _attach(connection, day)
                    log.info("made day", day=str(day))
            self._known = there | missing

    async def drop_stored(self, fence: Fence, lag: dict[int, int], now: datetime) -> list[date]:
        """Drop the days that no copy of a batch can come from any more; return them.

        `lag` has every partition of the topic. A day goes once each is stored past its end and
        eight days more, where a partition without lag counts as stored up to now.
        """
        async with self.slices.guard:
            connection = await self.slices.database.connect()
            stored = {
                row["partition"]: row["last_record_at"]
                for row in await connection.fetch(
                    "SELECT partition, last_record_at FROM consumer_offsets"
                    " WHERE consumer = $1 AND topic = $2",
                    fence.consumer,
                    fence.topic,
                )
            }
            reached = [now if behind == 0 else stored.get(p) for p, behind in lag.items()]
            known = [moment for moment in reached if moment is not None]
            if not lag or len(known) < len(reached):
                return []
            dropped = []
            for day in await _read_days(connection, pending=True):
                # the process ended half way last time
                await _finish_drop(connection, day)
            for day in sorted(await _read_days(connection)):
                end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
                if end + KEPT_AFTER < min(known):
                    await _drop(connection, day)
                    dropped.append(day)
            self._known -= set(dropped)
            return dropped


async def _read_days(connection: asyncpg.Connection, *, pending: bool = False) -> set[date]:
    rows = await connection.fetch(
        """
        SELECT child.relname FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = $1::text::regclass AND inhdetachpending = $2
        """,
        TABLE,
        pending,
    )
    matches = [_NAME.fullmatch(row["relname"]) for row in rows]
    return {datetime.strptime(m[1], "%Y%m%d").replace(tzinfo=UTC).date() for m in matches if m}


async def _attach(connection: asyncpg.Connection, day: date) -> None:
    name, end = _name(day), day + timedelta(days=1)
    await connection.execute(
        f"""
        CREATE TABLE "{name}" (LIKE "{TABLE}" INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        ALTER TABLE "{TABLE}" ATTACH PARTITION "{name}"
            FOR VALUES FROM ('{day} 00:00:00+00') TO ('{end} 00:00:00+00');
        """
    )


async def _drop(connection: asyncpg.Connection, day: date) -> None:
    name = _name(day)
    await connection.execute(f'ALTER TABLE "{TABLE}" DETACH PARTITION "{name}" CONCURRENTLY')
    await connection.execute(f'DROP TABLE "{name}"')
    log.info("dropped day", day=str(day))


async def _finish_drop(connection: asyncpg.Connection, day: date) -> None:
    name = _name(day)
    await connection.execute(f'ALTER TABLE "{TABLE}" DETACH PARTITION "{name}" FINALIZE')
    await connection.execute(f'DROP TABLE "{name}"')


def _name(day: date) -> str:
    return f"{TABLE}_{day:%Y%m%d}"
