"""Freshness: from POST to visible in `GET /logs`, beside a steady load."""

import asyncio
import statistics
import time
from pathlib import Path

import httpx

from bench.events import make_bodies
from bench.figures import Figure
from bench.house import SERVICES, House, open_house
from bench.ledger import check_ledger

_RATES = (1_000, 5_000)
"""Events a second."""
_BATCH_SIZE = 10
_MUST_MS = 500
_WARM_UP_S = 3.0
_LONGEST_PROBE_S = 0.7
"""The load goes on for so long a probe; slower ones would be measured beside an idle system."""


async def measure(home: Path, *, probe_count: int) -> list[Figure]:
    """Post probes of one event and ask `GET /logs` until each is there."""
    figures = []
    async with open_house(home) as house:
        for name, module in SERVICES.items():
            await house.start(name, module)
        expected = 0
        for rate in _RATES:
            event_count = int(rate * (_WARM_UP_S + probe_count * _LONGEST_PROBE_S))
            event_count -= event_count % _BATCH_SIZE
            figures.append(await _one_rate(house, rate, event_count, probe_count))
            expected += event_count + probe_count
            await house.wait_stored(expected)
        await check_ledger(house)
    return figures


async def _one_rate(house: House, rate: int, event_count: int, probe_count: int) -> Figure:
    bodies = list(make_bodies(event_count, _BATCH_SIZE, seed=rate))
    port = house.services["ingest"].port
    async with asyncio.TaskGroup() as tasks, httpx.AsyncClient(timeout=10) as client:
        load = tasks.create_task(house.load(bodies, port, _BATCH_SIZE, rate / _BATCH_SIZE))
        await asyncio.sleep(_WARM_UP_S)
        times = sorted([await _probe(house, client, number) for number in range(probe_count)])
        if load.done():
            raise RuntimeError(f"the load ended before the probes at {rate} events/s")
    held = event_count / load.result()["seconds"]
    return Figure(
        "freshness",
        f"POST to visible in GET /logs at {rate:,} events/s, p95",
        times[int(len(times) * 0.95)] * 1e3,
        "ms",
        _MUST_MS,
        more_is_better=False,
        note=f"p50 {statistics.median(times) * 1e3:.0f} ms, longest {times[-1] * 1e3:.0f} ms, "
        f"{probe_count} probes; the load held {held:,.0f} events/s",
    )


async def _probe(house: House, client: httpx.AsyncClient, number: int) -> float:
    trace_id = f"{time.time_ns():032x}"
    ingest = f"http://127.0.0.1:{house.services['ingest'].port}/api/v1/ingest/batches"
    logs = f"http://127.0.0.1:{house.services['query'].port}/api/v1/logging/logs"
    event = {"kind": "log", "message": f"probe {number}", "trace_id": trace_id}
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
            # an uneven pause, so that probes do not keep step with the writer's transactions
            await asyncio.sleep(0.1 + number % 7 * 0.015)
            return elapsed
        await asyncio.sleep(0.01)
