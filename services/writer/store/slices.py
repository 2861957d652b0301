"""Slices of the big tables: known, made ahead, and made when a row needs one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from libs.common.clock import Clock
from libs.common.telemetry.logs import get_logger
from services.writer.domain.arrivals import KINDS, Arrival
from services.writer.domain.slicing import (
    FIRST_WIDTH,
    Bounds,
    SliceMap,
    missing_moments,
    plan_ahead,
    plan_slices,
    slice_name,
)
from services.writer.store.connection import Database

log = get_logger(__name__)

TABLES = tuple(kind.table for kind in KINDS)
LOCK_KEY = 0x6865_6164_736C_6963
"""Held by whoever makes or replaces slices."""
_AT_ONCE_COUNT = 20
"""Slices in one DDL transaction: each takes some dozen locks."""


@dataclass
class Slices:
    """The attached slices, as last read, and the DDL that adds some.

    DDL runs on a connection of its own, outside the storing transaction. CREATE and ATTACH take
    no lock that a reader or a COPY waits for. An advisory lock lets one process plan at a time.
    """

    database: Database
    clock: Clock
    maps: dict[str, SliceMap] = field(default_factory=dict)
    hot_widths: dict[str, timedelta] = field(
        default_factory=lambda: dict.fromkeys(TABLES, FIRST_WIDTH)
    )
    guard: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One task at a time on the DDL connection."""

    async def load(self) -> None:
        """Read all slices again."""
        async with self.guard:
            connection = await self.database.connect()
            for table in TABLES:
                self.maps[table] = await read_map(connection, table)

    async def ensure(self, arrivals: Sequence[Arrival]) -> None:
        """Make the slices of rows that have none yet."""
        if not self.maps:
            await self.load()
        for at, table in enumerate(TABLES):
            missing = self._missing(arrivals, at, self.maps[table])
            if missing:
                await self._make(table, missing)

    async def make_ahead(self, count: int) -> None:
        """Make the slices of now and the next ones of every table."""
        if not self.maps:
            await self.load()
        for table in TABLES:
            now = self.clock.now()
            if plan_ahead(self.maps[table], now, self.hot_widths[table], count):
                await self._make(table, [], ahead_count=count)

    def _missing(
        self, arrivals: Sequence[Arrival], kind_at: int, slices: SliceMap
    ) -> list[datetime]:
        """Look at single rows only where a batch does not lie within one slice."""
        missing: list[datetime] = []
        for arrival in arrivals:
            rows = arrival.rows[kind_at]
            if not rows or arrival.first is None or arrival.last is None:
                continue
            found = slices.find(arrival.first)
            if found is not None and arrival.last < slices.uppers[found]:
                continue
            missing += missing_moments(slices, [row[0] for row in rows])  # type: ignore[misc]  # times are typed in the struct
        return sorted(missing)

    async def _make(self, table: str, missing: Sequence[datetime], ahead_count: int = -1) -> None:
        width = self.hot_widths[table]
        async with self.guard:
            connection = await self.database.connect()
            while True:
                now = self.clock.now()
                async with connection.transaction():
                    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)
                    known = await read_map(connection, table)
                    planned = (
                        plan_slices(
                            known, [m for m in missing if known.find(m) is None], now, width
                        )
                        if ahead_count < 0
                        else plan_ahead(known, now, width, ahead_count)
                    )
                    for bounds in planned[:_AT_ONCE_COUNT]:
                        known.insert(bounds, await attach_slice(connection, table, bounds))
                self.maps[table] = known
                if planned:
                    log.info("made slices", table=table, count=min(len(planned), _AT_ONCE_COUNT))
                if len(planned) <= _AT_ONCE_COUNT:
                    return


async def read_map(connection: asyncpg.Connection, table: str) -> SliceMap:
    """Return the attached slices of a table."""
    rows = await connection.fetch(
        """
        SELECT lower_bound, upper_bound, name FROM slices
        WHERE table_name = $1 AND state IN ('hot', 'sealed', 'both') ORDER BY lower_bound
        """,
        table,
    )
    return SliceMap(
        [row["lower_bound"] for row in rows],
        [row["upper_bound"] for row in rows],
        [row["name"] for row in rows],
    )


async def attach_slice(connection: asyncpg.Connection, table: str, bounds: Bounds) -> str:
    """Create and attach one leaf; ATTACH builds the parent's indexes on it, empty as it is."""
    name = slice_name(table, bounds)
    await connection.execute(
        f"""
        CREATE TABLE "{name}" (LIKE "{table}" INCLUDING DEFAULTS INCLUDING CONSTRAINTS
            INCLUDING STORAGE INCLUDING COMPRESSION);
        ALTER TABLE "{table}" ATTACH PARTITION "{name}"
            FOR VALUES FROM ('{bounds.lower.isoformat()}') TO ('{bounds.upper.isoformat()}');
        """
    )
    await connection.execute(
        "INSERT INTO slices (name, table_name, lower_bound, upper_bound) VALUES ($1, $2, $3, $4)",
        name,
        table,
        bounds.lower,
        bounds.upper,
    )
    return name
