"""The gateway against its bound: the same server and producer, relaying the same bytes unread."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from bench.events import make_bodies
from bench.house import open_house

_MODULES = {"relay": "bench.relay", "ingest": "services.ingest"}


@dataclass(frozen=True)
class GatewayRow:
    """Medians over the rounds of one batch size."""

    batch_size: int
    relay_per_s: float
    ingest_per_s: float
    relay_us: float
    """CPU-microseconds an event of the serving process."""
    ingest_us: float
    ratio: float


async def measure(home: Path, *, event_count: int, rounds: int) -> list[GatewayRow]:
    """Run relay and gateway in turn, one process each, with the load on the same machine."""
    rows = []
    async with open_house(home, eager_indexes=False) as house:
        for name, module in _MODULES.items():
            await house.start(name, module)
        for batch_size in (10, 100, 1_000):
            count = event_count // (4 if batch_size == 10 else 1)
            per_s: dict[str, list[float]] = {"relay": [], "ingest": []}
            cpu_us: dict[str, list[float]] = {"relay": [], "ingest": []}
            for round_number in range(rounds + 1):
                bodies = list(make_bodies(count, batch_size, seed=round_number * 7 + batch_size))
                for name in per_s if round_number % 2 else reversed(list(per_s)):
                    before = house.cpu_seconds()[name]
                    result = await house.load(bodies, house.services[name].port, batch_size)
                    used = house.cpu_seconds()[name] - before
                    if round_number > 0:  # the first warms up
                        per_s[name].append(count / result["seconds"])
                        cpu_us[name].append(used / count * 1e6)
            middle = {name: statistics.median(values) for name, values in per_s.items()}
            row = GatewayRow(
                batch_size,
                middle["relay"],
                middle["ingest"],
                statistics.median(cpu_us["relay"]),
                statistics.median(cpu_us["ingest"]),
                middle["ingest"] / middle["relay"],
            )
            print(row, flush=True)
            rows.append(row)
    return rows
