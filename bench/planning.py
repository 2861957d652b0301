"""Planning: what the number of slices costs a search, and the first page."""

import random
import statistics
import time
from datetime import datetime
from pathlib import Path

import asyncpg

from bench import stock
from bench.asking import Asker
from bench.figures import Figure
from bench.house import House, open_house
from bench.plans import all_plans
from libs.common.clock import SystemClock

_COUNTS = (10, 200, 1_000)
_ROWS_OF_SLICE = 200
_PLANNING_MUST_MS = 5
_PAGE_MUST = 1.2
_REPEATS = 300
_WARM_UP = 10


async def measure(home: Path) -> list[Figure]:
    """Fill a database for each number of slices, and ask the same of all, one after another."""
    async with open_house(home, eager_indexes=True) as house:
        now, source = SystemClock().now(), random.Random(4)
        row_count = _ROWS_OF_SLICE * (_COUNTS[-1] - 1)
        parts = stock.spans(now, _COUNTS[-1], row_count, _ROWS_OF_SLICE)
        planning, ports = {}, {}
        for count in _COUNTS:
            url = await _copy(house, f"slices_{count}")
            connection = await asyncpg.connect(url)
            try:
                await _add(connection, parts[-count:], source)
                planning[count] = await _planning(connection, now)
            finally:
                await connection.close()
            started = await house.start(f"query-{count}", "services.query", url)
            ports[count] = started.port
        pages = await _first_pages(house, ports)
    return [figure for count in _COUNTS for figure in _figures(count, planning[count], pages)]


async def _copy(house: House, name: str) -> str:
    """Copy the empty database, with its user and token; return the copy's address."""
    connection = await asyncpg.connect(house.postgres.url("postgres"))
    try:
        template = house.database_url.rpartition("/")[2]
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()
    return house.postgres.url(name)


def _figures(count: int, planning: dict[str, float], pages: dict[int, float]) -> list[Figure]:
    worst = max(planning, key=lambda name: planning[name])
    first = min(pages)
    page = Figure(
        "planning",
        f"first page with {count:,} slices, p50",
        pages[count] / pages[first],
        f"of that with {first}",
        _PAGE_MUST,
        more_is_better=False,
        note=f"{pages[count]:.1f} ms",
    )
    return [
        Figure(
            "planning",
            f"longest planning of a statement with {count:,} slices",
            planning[worst],
            "ms",
            _PLANNING_MUST_MS,
            more_is_better=False,
            note=f"{worst}; median of all {statistics.median(planning.values()):.2f} ms",
        ),
        page,
    ]


async def _add(
    connection: asyncpg.Connection, parts: list[stock.Span], source: random.Random
) -> None:
    await stock.attach(connection, parts)
    for part in parts:
        await stock.store(connection, list(stock.make_rows(part, source)))
    await connection.execute("ANALYZE app_logs")
    await connection.execute(
        "UPDATE slices SET state = 'sealed' WHERE table_name = 'app_logs' AND upper_bound <= now()"
    )


async def _planning(connection: asyncpg.Connection, now: datetime) -> dict[str, float]:
    """Return the median planning time of what searches send, by search."""
    return {
        f"{plan.search} on {plan.slice_count} {plan.state}": plan.planning_ms
        for plan in await all_plans(connection, now)
    }


async def _first_pages(house: House, ports: dict[int, int]) -> dict[int, float]:
    """Return the median time of a page by number of slices; all are asked in turn."""
    askers = {count: await Asker.connect(port, house.token) for count, port in ports.items()}
    times: dict[int, list[float]] = {count: [] for count in ports}
    for _ in range(_WARM_UP + _REPEATS):
        for count, asker in askers.items():
            began = time.perf_counter()
            await asker.get("/api/v1/logging/logs")
            times[count].append((time.perf_counter() - began) * 1e3)
    for asker in askers.values():
        asker.close()
    return {count: statistics.median(all_of[_WARM_UP:]) for count, all_of in times.items()}
