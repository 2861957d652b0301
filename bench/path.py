"""The whole path: from HTTP to queryable rows, and how fresh they are."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.events import make_bodies
from bench.figures import Figure
from bench.house import House, open_house
from bench.ledger import check_ledger

_LEVELS = {10: (20_000, 25_000, 60), 100: (34_000, 45_000, 38), 1_000: (40_000, 55_000, 32)}
_SERVICES = {"ingest": "services.ingest", "writer": "services.writer", "query": "services.query"}


@dataclass(frozen=True)
class PathRow:
    """Medians over the rounds of one batch size."""

    batch_size: int
    stored_per_s: float
    """Events over the time from the first POST to the last stored."""
    cpu_us: float
    """CPU-microseconds an event of all processes but the load."""
    cpu_us_by_process: dict[str, float]
    p50_ms: float
    p95_ms: float


async def measure(
    home: Path, *, event_count: int, rounds: int, eager_indexes: bool
) -> list[Figure]:
    """Measure batches of 10, 100 and 1,000; check the ledger in the end."""
    figures = []
    async with open_house(home, eager_indexes=eager_indexes) as house:
        for name, module in _SERVICES.items():
            await house.start(name, module)
        sent = 0
        for batch_size in (10, 100, 1_000):
            count = event_count // (2 if batch_size == 10 else 1)
            results = []
            for round_number in range(rounds + 1):
                bodies = list(make_bodies(count, batch_size, seed=round_number * 11 + batch_size))
                result, used, seconds = await _one_round(house, bodies, (sent + count, batch_size))
                sent += count
                if round_number > 0:  # the first warms up
                    results.append((result, used, seconds, count))
            figures += _figures(_median_row(batch_size, results), eager_indexes=eager_indexes)
        await check_ledger(house)
    return figures


def _figures(row: PathRow, *, eager_indexes: bool) -> list[Figure]:
    """Return rate and CPU; nothing was set for eager indexes."""
    name = "path, eager indexes" if eager_indexes else "path"
    rate, goal, cpu = (None, None, None) if eager_indexes else _LEVELS[row.batch_size]
    processes = ", ".join(f"{name} {used}" for name, used in row.cpu_us_by_process.items())
    return [
        Figure(
            name,
            f"batches of {row.batch_size}, stored",
            row.stored_per_s,
            "events/s",
            rate,
            goal,
            note=f"202 after {row.p50_ms:.0f} ms (p50), {row.p95_ms:.0f} ms (p95)",
        ),
        Figure(
            name,
            f"batches of {row.batch_size}, CPU of all processes",
            row.cpu_us,
            "us an event",
            cpu,
            more_is_better=False,
            note=processes,
        ),
    ]


async def _one_round(
    house: House, bodies: list[bytes], expected: tuple[int, int]
) -> tuple[dict[str, float], dict[str, float], float]:
    before = house.cpu_seconds()
    began = time.time()
    result = await house.load(bodies, house.services["ingest"].port, expected[1])
    await house.wait_stored(expected[0])
    # the load's own start does not count: it says when its last answer came and how long it ran
    seconds = time.time() - (result["ended_at"] - result["seconds"])
    assert seconds <= time.time() - began
    after = house.cpu_seconds()
    return result, {name: after[name] - before[name] for name in after}, seconds


def _median_row(
    batch_size: int, results: list[tuple[dict[str, float], dict[str, float], float, int]]
) -> PathRow:
    by_process = {
        name: statistics.median(used[name] / count * 1e6 for _, used, _, count in results)
        for name in results[0][1]
    }
    return PathRow(
        batch_size,
        statistics.median(count / seconds for _, _, seconds, count in results),
        statistics.median(sum(used.values()) / count * 1e6 for _, used, _, count in results),
        {name: round(value, 1) for name, value in by_process.items()},
        statistics.median(result["p50_ms"] for result, *_ in results),
        statistics.median(result["p95_ms"] for result, *_ in results),
    )


async def measure_freshness(home: Path, rates: tuple[int, ...], probes: int) -> list[Figure]:
    """Post probes of one event beside a steady load, and ask `GET /logs` until each is there."""
    figures = []
    async with open_house(home, eager_indexes=True) as house:
        for name, module in _SERVICES.items():
            await house.start(name, module)
        for rate in rates:
            batch_size = 10
            seconds = probes * 0.35 + 4
            bodies = list(make_bodies(int(rate * seconds), batch_size, seed=rate))
            load = asyncio.create_task(
                house.load(bodies, house.services["ingest"].port, batch_size, rate / batch_size)
            )
            await asyncio.sleep(2)
            times = [await _probe(house, number) for number in range(probes)]
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            times.sort()
            figures.append(
                Figure(
                    "freshness",
                    f"POST to visible in GET /logs at {rate:,} events/s, p95",
                    times[int(len(times) * 0.95)] * 1e3,
                    "ms",
                    500,
                    more_is_better=False,
                    note=f"p50 {statistics.median(times) * 1e3:.0f} ms, {probes} probes",
                )
            )
    return figures


async def _probe(house: House, number: int) -> float:
    trace_id = f"{time.time_ns():032x}"
    ingest = f"http://127.0.0.1:{house.services['ingest'].port}/api/v1/ingest/batches"
    logs = f"http://127.0.0.1:{house.services['query'].port}/api/v1/logging/logs"
    event = {"kind": "log", "message": f"probe {number}", "trace_id": trace_id}
    async with httpx.AsyncClient(timeout=10) as client:
        began = time.perf_counter()
        answer = await client.post(
            ingest, json={"events": [event]}, headers={"authorization": f"Bearer {house.key}"}
        )
        answer.raise_for_status()
        while True:
            found = await client.get(
                logs,
                params={"trace_id": trace_id},
                headers={"authorization": f"Bearer {house.token}"},
            )
            found.raise_for_status()
            if found.json()["items"]:
                elapsed = time.perf_counter() - began
                await asyncio.sleep(0.15)
                return elapsed
            await asyncio.sleep(0.01)
