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
_REPEATS = 60
_WARM_UP = 10


async def measure(home: Path) -> list[Figure]:
    """Add slices, older ones each time, and ask the same of all of them."""
    figures: list[Figure] = []
    pages: dict[int, float] = {}
    async with open_house(home, eager_indexes=True) as house:
        now, source = SystemClock().now(), random.Random(4)
        row_count = _ROWS_OF_SLICE * (_COUNTS[-1] - 1)
        parts = stock.spans(now, _COUNTS[-1], row_count, _ROWS_OF_SLICE)
        await house.start("query", "services.query")
        connection = await house.connect()
        try:
            done = 0
            for count in _COUNTS:
                await _add(connection, parts[len(parts) - count : len(parts) - done], source)
                done = count
                planning = await _planning(connection, now)
                pages[count] = await _first_page(house)
                figures += _figures(count, planning, pages)
        finally:
            await connection.close()
    return figures


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
    times: dict[str, list[float]] = {}
    for _ in range(_WARM_UP):
        for plan in await all_plans(connection, now):
            name = f"{plan.search} on {plan.slice_count} {plan.state}"
            times.setdefault(name, []).append(plan.planning_ms)
    return {name: statistics.median(all_of[1:]) for name, all_of in times.items()}


async def _first_page(house: House) -> float:
    asker = await Asker.connect(house.services["query"].port, house.token)
    times = []
    for number in range(_WARM_UP + _REPEATS):
        began = time.perf_counter()
        await asker.get("/api/v1/logging/logs")
        if number >= _WARM_UP:
            times.append((time.perf_counter() - began) * 1e3)
    asker.close()
    return statistics.median(times)
