"""The gateway against its bound: the same server and producer, relaying the same bytes unread."""

import statistics
from pathlib import Path

from bench.events import make_bodies
from bench.figures import Figure
from bench.house import House, open_house

_MODULES = {"relay": "bench.relay", "ingest": "services.ingest"}
_LEVELS = {10: (0.6, 0.7), 100: (0.5, 0.6), 1_000: (0.4, 0.5)}


async def measure(home: Path, *, event_count: int, rounds: int) -> list[Figure]:
    """Run relay and gateway in turn, one process each, with the load on the same machine."""
    figures = []
    async with open_house(home) as house:
        for name, module in _MODULES.items():
            await house.start(name, module)
        for batch_size, (must, goal) in _LEVELS.items():
            count = event_count // (4 if batch_size == 10 else 1)
            per_s: dict[str, list[float]] = {"relay": [], "ingest": []}
            cpu_us: dict[str, list[float]] = {"relay": [], "ingest": []}
            for round_number in range(rounds + 1):
                bodies = list(make_bodies(count, batch_size, seed=round_number * 7 + batch_size))
                for name in per_s if round_number % 2 else reversed(list(per_s)):
                    rate, used = await _one_round(house, name, bodies, batch_size)
                    if round_number > 0:  # the first warms up
                        per_s[name].append(rate * batch_size)
                        cpu_us[name].append(used / count * 1e6)
            rates = {name: statistics.median(values) for name, values in per_s.items()}
            used_us = {name: statistics.median(values) for name, values in cpu_us.items()}
            note = "; ".join(
                f"{name} {rates[name]:,.0f} events/s at {used_us[name]:.1f} us" for name in rates
            )
            figures.append(
                Figure(
                    "gateway",
                    f"batches of {batch_size}, of the relay",
                    # of pairs: what else the machine does slows both of a pair
                    statistics.median(
                        ingest / relay
                        for ingest, relay in zip(per_s["ingest"], per_s["relay"], strict=True)
                    ),
                    "of it",
                    must,
                    goal,
                    note=note,
                )
            )
    return figures


async def _one_round(
    house: House, name: str, bodies: list[bytes], batch_size: int
) -> tuple[float, float]:
    """Return requests a second and the CPU seconds of the serving process."""
    before = house.cpu_seconds()[name]
    result = await house.load(bodies, house.services[name].port, batch_size)
    return len(bodies) / result["seconds"], house.cpu_seconds()[name] - before
