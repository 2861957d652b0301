"""Searches over 200 slices: their p95 through the API, and beside one bare statement."""

import asyncio
import random
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from bench import stock
from bench.asking import Asker
from bench.figures import Figure
from bench.house import open_house
from bench.report import Result
from libs.common.clock import SettableClock, SystemClock
from services.writer.domain.slicing import TARGET_ROW_COUNT

SLICE_COUNT = 200
_SEALED_MUST_MS, _SEALED_GOAL_MS = 60, 25
_HOT_MUST_MS, _HOT_GOAL_MS = 250, 120
_GROWTH_MUST = 1.5
_RATIO_MUST = 2
"""With ten times the rows in as many slices."""
_ROW_COUNT = re.compile(r", [\d.]+ M rows")
_REPEATS = 40
_FAR_PAGE = 1_000
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Ask:
    """One search: its parameters for the API, and as one statement on the table."""

    name: str
    parameters: dict[str, str]
    where: str = "true"
    values: tuple[Any, ...] = ()
    since: timedelta | None = _DAY
    limit: int = 100


def asks(sample: list[tuple[Any, ...]]) -> list[Callable[[int], Ask]]:
    """Return the searches; each makes the parameters of one repeat from some stored rows."""

    def extra(name: str, key: str, value: str) -> Ask:
        document = f'{{"{key}": "{value}"}}'
        return Ask(name, {f"extra.{key}": value}, "extra_data @> $3::text::jsonb", (document,))

    def word(name: str, text: str) -> Ask:
        return Ask(name, {"text": text}, "message ILIKE $3", (f"%{text}%",))

    def trace(number: int) -> Ask:
        found = sample[number % len(sample)][9]
        return Ask("by trace", {"trace_id": found}, "trace_id = $3", (found,), since=None)

    def user(number: int) -> Ask:
        found = sample[number % len(sample)][11]
        hour = timedelta(hours=1)
        return Ask("user in 1 h", {"user_id": found}, "user_id = $3", (found,), since=hour)

    return [
        lambda _: Ask("last 100 ERROR", {"level": "ERROR"}, "level = $3", ("ERROR",)),
        trace,
        user,
        lambda _: word("common word, 24 h", stock.COMMON_WORD),
        lambda _: word("rare word, 24 h", stock.RARE_WORD),
        lambda _: word("absent word, 24 h", stock.ABSENT_WORD),
        lambda n: extra("extra_data, frequent value", "tenant", f"t{n}"),
        lambda _: extra("extra_data, rare value", "order", "rare"),
        lambda _: Ask("first page", {}, since=None),
    ]


def beside(figures: list[Figure], former: Path) -> list[Figure]:
    """Return the figures, and their ratio to the same ones of fewer rows where these were kept."""
    kept = msgspec.json.decode(former.read_bytes(), type=Result).figures if former.exists() else []
    by_search = {search_of(one): one.value for one in kept}
    ratios = [
        Figure(
            "queries",
            f"{search_of(one)}: its p95 with so many rows",
            one.value / by_search[search_of(one)],
            "of that in `queries`",
            _GROWTH_MUST,
            more_is_better=False,
        )
        for one in figures
        if one.unit == "ms" and search_of(one) in by_search
    ]
    return [*figures, *ratios]


def search_of(figure: Figure) -> str:
    """Return what was searched, and on which slices, without the number of rows."""
    return _ROW_COUNT.sub("", figure.name).removesuffix(", p95")


async def measure(home: Path, *, row_count: int) -> list[Figure]:
    """Fill and seal slices, then search without the hot slice and with it."""
    async with open_house(home) as house:
        now = SystemClock().now()
        parts = stock.spans(now, SLICE_COUNT, row_count, TARGET_ROW_COUNT)
        connection = await house.connect()
        try:
            sample = await _fill(connection, parts)
            # as of then, for the hot slice is not to be sealed while many others are
            await stock.seal(house.database_url, SettableClock(now))
            await stock.summarise(connection)
            await connection.execute("ANALYZE")
            await connection.execute("CHECKPOINT")  # else it comes while the first ones are asked
            await house.start("query", "services.query")
            asker = await Asker.connect(house.services["query"].port, house.token)
            searcher = Searcher(asker, connection, parts[0].bounds.lower)
            border = parts[-1].bounds.lower
            figures = await _all(searcher, sample, row_count, border, "sealed")
            figures += await _all(searcher, sample, row_count, now, "hot")
            asker.close()
        finally:
            await connection.close()
    return figures


async def _fill(connection: asyncpg.Connection, parts: list[stock.Span]) -> list[tuple[Any, ...]]:
    """Store all rows; return some of the newest sealed slices."""
    await stock.attach(connection, parts)
    source = random.Random(2)
    sample: list[tuple[Any, ...]] = []
    for number, part in enumerate(parts):
        rows = list(stock.make_rows(part, source))
        await stock.store(connection, rows)
        if number == len(parts) - 2:
            sample = source.sample(rows, min(len(rows), _REPEATS))
        await asyncio.sleep(0)
    return sample


class Searcher:
    """Asks the same through the API and as one statement."""

    def __init__(self, asker: Asker, connection: asyncpg.Connection, oldest: datetime) -> None:
        self._asker = asker
        self._connection = connection
        self._oldest = oldest

    async def api(self, ask: Ask, until: datetime, cursor: str | None = None) -> dict[str, Any]:
        """Return a page."""
        parameters = {**ask.parameters, "limit": str(ask.limit), "to": until.isoformat()}
        if ask.since is not None:
            parameters["from"] = (until - ask.since).isoformat()
        if cursor is not None:
            parameters["cursor"] = cursor
        return await self._asker.get("/api/v1/logging/logs", parameters)

    async def sql(self, ask: Ask, until: datetime) -> int:
        """Return how many rows one statement finds."""
        since = self._oldest if ask.since is None else until - ask.since
        rows = await self._connection.fetch(
            f"SELECT * FROM app_logs WHERE created_at >= $1 AND created_at < $2 AND {ask.where} "
            f"ORDER BY created_at DESC, id DESC LIMIT {ask.limit + 1}",
            since,
            until,
            *ask.values,
        )
        return min(len(rows), ask.limit)


async def _all(
    searcher: Searcher, sample: list[tuple[Any, ...]], row_count: int, until: datetime, state: str
) -> list[Figure]:
    figures: list[Figure] = []
    for make in asks(sample):
        figures += await _one(searcher, make, row_count, until, state)
    if state == "sealed":
        figures.append(await _far_page(searcher, row_count, until))
    return figures


async def _one(
    searcher: Searcher, make: Callable[[int], Ask], row_count: int, until: datetime, state: str
) -> list[Figure]:
    api, sql, found = [], [], 0
    for number in range(_REPEATS + 3):
        ask = make(number)
        began = time.perf_counter()
        page = await searcher.api(ask, until)
        between = time.perf_counter()
        found = await searcher.sql(ask, until)
        ended = time.perf_counter()
        if page["searched_to"] is None and len(page["items"]) != found:
            raise RuntimeError(f"{ask.name}: {len(page['items'])} rows instead of {found}")
        if number >= 3:  # the first ones warm up
            api.append((between - began) * 1e3)
            sql.append((ended - between) * 1e3)
    p50, bare_p50 = statistics.median(api), statistics.median(sql)
    ratio = Figure(
        "queries",
        f"{_name(ask.name, row_count, state)}, the API's p50",
        p50 / bare_p50,
        "of the bare SQL's",
        _RATIO_MUST,
        more_is_better=False,
        note=f"{p50:.1f} and {bare_p50:.1f} ms",
    )
    return [_figure(ask.name, row_count, state, api, f"{found} rows"), ratio]


async def _far_page(searcher: Searcher, row_count: int, until: datetime) -> Figure:
    ask, cursor = Ask("", {}, since=None), None
    for _ in range(_FAR_PAGE - 1):
        cursor = (await searcher.api(ask, until, cursor))["next_cursor"]
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        page = await searcher.api(ask, until, cursor)
        times.append((time.perf_counter() - began) * 1e3)
    note = f"{len(page['items'])} rows"
    return _figure(f"page {_FAR_PAGE:,}", row_count, "sealed", times, note)


def _figure(name: str, row_count: int, state: str, times: list[float], note: str) -> Figure:
    is_sealed = state == "sealed"
    return Figure(
        "queries",
        f"{_name(name, row_count, state)}, p95",
        sorted(times)[int(len(times) * 0.95)],
        "ms",
        _SEALED_MUST_MS if is_sealed else _HOT_MUST_MS,
        _SEALED_GOAL_MS if is_sealed else _HOT_GOAL_MS,
        more_is_better=False,
        note=f"p50 {statistics.median(times):.1f} ms; {note}",
    )


def _name(name: str, row_count: int, state: str) -> str:
    over = "sealed slices" if state == "sealed" else "a full hot slice in range"
    return f"{name}, {row_count / 1e6:g} M rows, {over}"
