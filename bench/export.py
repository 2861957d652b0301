"""Export: millions of rows as NDJSON, their rate, and what the process grows by meanwhile."""

import asyncio
import random
import time
from pathlib import Path

import psutil

from bench import stock
from bench.figures import Figure
from bench.house import House, open_house
from bench.streams import stream
from libs.common.clock import SystemClock

_SLICE_COUNT = 20
_RATE_MUST = 100_000
_GROWTH_MUST_MB = 50
_WARM_UP_ROWS = 50_000
_SAMPLE_S = 0.1
_PATH = "/api/v1/logging/logs/export"


class _Counter:
    """Counts the lines of an answer: a row ends with a line feed, framing with both characters."""

    def __init__(self) -> None:
        self.rows = 0
        self.byte_count = 0
        self.tail = b""

    def take(self, data: bytes) -> None:
        self.rows += data.count(b"\n") - data.count(b"\r")
        self.byte_count += len(data)
        self.tail = (self.tail + data[-5:])[-5:]


async def measure(home: Path, *, row_count: int) -> list[Figure]:
    """Store rows, and export all of them."""
    async with open_house(home) as house:
        now, source = SystemClock().now(), random.Random(3)
        parts = stock.spans(now, _SLICE_COUNT, row_count, _WARM_UP_ROWS)
        connection = await house.connect()
        try:
            await stock.attach(connection, parts)
            for part in parts:
                await stock.store(connection, list(stock.make_rows(part, source)))
            await connection.execute("VACUUM (FREEZE, ANALYZE) app_logs")
        finally:
            await connection.close()
        started = await house.start("query", "services.query")
        border = parts[-1].bounds.lower.isoformat()
        await _export(house, {"from": border})  # warms up: compiled statements, allocated pages
        process = psutil.Process(started.pid)
        before = house.cpu_seconds()
        watching = asyncio.create_task(_watch(process))
        counter, seconds = await _export(house, {"to": border})
        watching.cancel()
        memory = await watching
        after = house.cpu_seconds()
    expected = sum(part.row_count for part in parts[:-1])
    if counter.rows != expected:
        raise RuntimeError(f"{counter.rows} rows instead of {expected}")
    used = {name: (after[name] - before[name]) / expected * 1e6 for name in ("query", "postgres")}
    return [
        Figure(
            "export",
            f"{expected / 1e6:g} M rows as NDJSON",
            counter.rows / seconds,
            "rows/s",
            _RATE_MUST,
            note=f"{counter.byte_count / seconds / 1e6:.0f} MB/s in {seconds:.0f} s; "
            f"us a row: query {used['query']:.1f}, postgres {used['postgres']:.1f}",
        ),
        Figure(
            "export",
            "growth of the query service's memory meanwhile",
            (max(memory) - memory[0]) / 1e6,
            "MB",
            _GROWTH_MUST_MB,
            more_is_better=False,
            note=f"{memory[0] / 1e6:.0f} MB before, {len(memory)} samples",
        ),
    ]


async def _export(house: House, filters: dict[str, str]) -> tuple[_Counter, float]:
    counter, began = _Counter(), time.perf_counter()
    body = {"format": "ndjson", "filters": filters}
    port = house.services["query"].port
    await (await stream(port, f"POST {_PATH}", house.token, counter.take, body))
    if counter.tail != b"0\r\n\r\n":
        raise RuntimeError(f"the export broke off after {counter.rows} rows")
    return counter, time.perf_counter() - began


async def _watch(process: psutil.Process) -> list[int]:
    """Return samples of the resident memory until it is cancelled."""
    samples = [process.memory_info().rss]
    try:
        while True:
            await asyncio.sleep(_SAMPLE_S)
            samples.append(process.memory_info().rss)
    except asyncio.CancelledError:
        return samples
