"""Sealing: load and seal rows with all indexes, against the same indexes kept with every row."""

import asyncio
import random
import time
from pathlib import Path

import asyncpg

from bench import stock
from bench.figures import Figure
from bench.house import House, open_house
from libs.common.clock import SystemClock
from libs.common.db.migrate import upgrade
from services.writer.domain.slicing import TARGET_ROW_COUNT

_EAGER_DATABASE = "bench_eager"
_CPU_MUST = 0.7
_RATE_MUST = 3.0
_SETTLING_S = 1.0
"""After a connection is closed: what its server process used counts once it has ended."""


async def measure(home: Path, *, row_count: int) -> list[Figure]:
    """Store the same rows hot, seal them, and store them again with eager indexes.

    Both end in the same state: indexes without pending rows, statistics, all rows frozen. What
    autovacuum would do for the eager slices later is therefore done, and counted, at once.
    """
    async with open_house(home) as house:
        clock, source = SystemClock(), random.Random(1)
        parts = stock.spans(clock.now(), 1 + max(1, row_count // TARGET_ROW_COUNT), row_count, 0)
        rows = [row for part in parts for row in stock.make_rows(part, source)]
        hot_s, hot_cpu_s = await _load(house, house.database_url, parts, rows)
        before, began = house.cpu_seconds()["postgres"], time.perf_counter()
        await stock.seal(house.database_url)
        seal_s = time.perf_counter() - began
        await asyncio.sleep(_SETTLING_S)
        seal_cpu_s = house.cpu_seconds()["postgres"] - before
        eager_url = await _make_eager_database(house)
        eager_s, eager_cpu_s = await _load(house, eager_url, parts, rows)
        before = house.cpu_seconds()["postgres"]
        await _tidy(eager_url)
        await asyncio.sleep(_SETTLING_S)
        tidy_cpu_s = house.cpu_seconds()["postgres"] - before
    us = 1e6 / len(rows)
    return [
        Figure(
            "sealing",
            f"load and seal {len(rows):,} rows, PostgreSQL's CPU",
            (hot_cpu_s + seal_cpu_s) / (eager_cpu_s + tidy_cpu_s),
            "of eager",
            _CPU_MUST,
            more_is_better=False,
            note=f"load {hot_cpu_s * us:.1f} us a row, seal {seal_cpu_s * us:.1f} "
            f"({seal_s:.0f} s); eager {eager_cpu_s * us:.1f}, its vacuum {tidy_cpu_s * us:.1f}",
        ),
        Figure(
            "sealing",
            "hot writes, of writes with eager indexes",
            eager_s / hot_s,
            "times its rows/s",
            _RATE_MUST,
            note=f"{len(rows) / hot_s:,.0f} and {len(rows) / eager_s:,.0f} rows/s",
        ),
    ]


async def _make_eager_database(house: House) -> str:
    connection = await house.connect()
    try:
        await connection.execute(f"CREATE DATABASE {_EAGER_DATABASE}")
    finally:
        await connection.close()
    url = house.postgres.url(_EAGER_DATABASE)
    await upgrade(url, eager_indexes=True)
    return url


async def _tidy(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM (FREEZE, ANALYZE) app_logs")
    finally:
        await connection.close()


async def _load(
    house: House, url: str, parts: list[stock.Span], rows: list[tuple[object, ...]]
) -> tuple[float, float]:
    """Return the seconds and PostgreSQL's CPU seconds that storing took, written back or not."""
    connection = await asyncpg.connect(url)
    try:
        await stock.attach(connection, parts)
        await connection.execute("CHECKPOINT")
        before, began = house.cpu_seconds()["postgres"], time.perf_counter()
        await stock.store(connection, rows)
        return time.perf_counter() - began, house.cpu_seconds()["postgres"] - before
    finally:
        await connection.close()
