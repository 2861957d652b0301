"""The whole path: from HTTP to queryable rows."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from bench.events import make_bodies
from bench.figures import Figure
from bench.house import SERVICES, House, open_house
from bench.ledger import check_ledger

_LEVELS = {10: (20_000, 25_000, 60), 100: (34_000, 45_000, 38), 1_000: (40_000, 55_000, 32)}


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
        for name, module in SERVICES.items():
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
