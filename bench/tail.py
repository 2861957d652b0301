"""The live tail: 200 watchers with filters, how soon they see events, and what they cost."""

import asyncio
import re
import time
from pathlib import Path
from urllib.parse import urlencode

import httpx

from bench.events import make_bodies
from bench.figures import Figure
from bench.house import SERVICES, House, open_house
from bench.ledger import check_ledger
from bench.streams import stream

_WATCHER_COUNT = 200
_RATE = 5_000
"""Events a second beside which the way to the watchers is measured."""
_LATENCY_MUST_MS = 200
_SHARE_MUST = 0.9
_BATCH_SIZE = 100
_SETTLING_S = 3.0
_PATIENCE_S = 30.0
"""After the load; then a probe that a watcher has not seen is lost."""
_PATH = "/api/v1/logging/logs/tail"
_PROBE = re.compile(rb'"session_id":"probe-(\d+)"')


def filters(number: int) -> str:
    """Return the filter of a watcher: of many kinds, and each lets the probes through."""
    kinds = (
        f"user:u-{number:05}",
        f"level:error module:api.part{number % 24}",
        f'"item {number}"',
        f"extra.tenant:t{number}",
        f"status:5xx duration:>{100 + number}",
    )
    either = f"(({kinds[number % len(kinds)]}) OR module:probe)"
    return urlencode({"q": either})


class _Watchers:
    """Open tails, and when each saw which probe."""

    def __init__(self) -> None:
        self.seen: dict[int, list[float]] = {}
        self.byte_count = 0
        self.open_count = 0
        self.all_open = asyncio.Event()
        self._streams: list[asyncio.Future[None]] = []

    async def open(self, house: House) -> None:
        port = house.services["query"].port
        for number in range(_WATCHER_COUNT):
            line = f"GET {_PATH}?{filters(number)}"
            self._streams.append(await stream(port, line, house.token, self._taker()))
        async with asyncio.timeout(_PATIENCE_S):
            await self.all_open.wait()

    def opened(self) -> None:
        self.open_count += 1
        if self.open_count == _WATCHER_COUNT:
            self.all_open.set()

    def close(self) -> None:
        for one in self._streams:
            one.cancel()

    def _taker(self) -> "_Taker":
        return _Taker(self)


class _Taker:
    """Takes the bytes of one tail; a frame may come in two pieces."""

    def __init__(self, watchers: _Watchers) -> None:
        self._watchers = watchers
        self._rest = b""
        self._is_open = False

    def __call__(self, data: bytes) -> None:
        now = time.perf_counter()
        self._watchers.byte_count += len(data)
        text = self._rest + data
        if not self._is_open and b"event: open" in text:
            self._is_open = True
            self._watchers.opened()
        end = 0
        for match in _PROBE.finditer(text):
            self._watchers.seen.setdefault(int(match[1]), []).append(now)
            end = match.end()
        self._rest = text[max(end, len(text) - 40) :]


async def measure(home: Path, *, event_count: int, rounds: int) -> list[Figure]:
    """Measure the way at a steady rate, then the pipeline at its limit without watchers and with.

    Rounds without and with watchers take turns; the first of each warms up.
    """
    async with open_house(home, eager_indexes=False) as house:
        for name, module in SERVICES.items():
            await house.start(name, module)
        steady, sent = await _beside_load(house, probe_count=20 * rounds)
        rates: dict[bool, list[float]] = {False: [], True: []}
        for round_number in range(rounds + 1):
            for is_watched in (False, True):
                rate = await _saturate(house, sent, event_count, is_watched=is_watched)
                sent += event_count
                if round_number > 0:
                    rates[is_watched].append(rate)
        await check_ledger(house)
    alone, watched = (sorted(rates[key])[len(rates[key]) // 2] for key in (False, True))
    return [
        *steady,
        Figure(
            "tail",
            f"stored at the limit, beside {_WATCHER_COUNT} watchers",
            watched / alone,
            "of the rate without",
            note=f"{watched:,.0f} and {alone:,.0f} events/s, batches of {_BATCH_SIZE}",
        ),
    ]


async def _beside_load(house: House, probe_count: int) -> tuple[list[Figure], int]:
    seconds = _SETTLING_S + probe_count * 0.25
    count = int(_RATE * seconds) // _BATCH_SIZE * _BATCH_SIZE
    bodies = list(make_bodies(count, _BATCH_SIZE, seed=5))
    watchers = _Watchers()
    await watchers.open(house)
    before, began = house.cpu_seconds(), time.perf_counter()
    async with asyncio.TaskGroup() as tasks, httpx.AsyncClient(timeout=10) as client:
        port = house.services["ingest"].port
        load = tasks.create_task(house.load(bodies, port, _BATCH_SIZE, _RATE / _BATCH_SIZE))
        await asyncio.sleep(_SETTLING_S)
        posted = [await _post(house, client, number) for number in range(probe_count)]
    used = house.cpu_seconds()["query"] - before["query"]
    await house.wait_stored(count + probe_count)
    stored_s = time.perf_counter() - began
    for _ in range(int(_PATIENCE_S * 10)):
        if sum(map(len, watchers.seen.values())) == probe_count * _WATCHER_COUNT:
            break
        await asyncio.sleep(0.1)
    else:
        raise RuntimeError("not every watcher saw every probe")
    watchers.close()
    times = sorted(
        moment - posted[number] for number, seen in watchers.seen.items() for moment in seen
    )
    held = load.result()["requests"] * _BATCH_SIZE / load.result()["seconds"]
    latency = Figure(
        "tail",
        f"POST to each of {_WATCHER_COUNT} watchers at {_RATE:,} events/s, p95",
        times[int(len(times) * 0.95)] * 1e3,
        "ms",
        _LATENCY_MUST_MS,
        more_is_better=False,
        note=f"p50 {times[len(times) // 2] * 1e3:.0f} ms, longest {times[-1] * 1e3:.0f} ms, "
        f"{probe_count} probes; the load held {held:,.0f} events/s; query "
        f"{used / count * 1e6:.1f} us an event",
    )
    rate = Figure(
        "tail",
        f"stored beside {_WATCHER_COUNT} watchers, of {_RATE:,} events/s",
        count / stored_s / _RATE,
        "of the rate posted",
        _SHARE_MUST,
        note="from the first POST until the last row was stored",
    )
    return [latency, rate], count + probe_count


async def _post(house: House, client: httpx.AsyncClient, number: int) -> float:
    """Post one event that all watchers see; return when that began."""
    event = {
        "kind": "log",
        "message": "probe",
        "module": "probe",
        "session_id": f"probe-{number}",
    }
    began = time.perf_counter()
    answer = await client.post(
        f"http://127.0.0.1:{house.services['ingest'].port}/api/v1/ingest/batches",
        json={"events": [event]},
        headers={"authorization": f"Bearer {house.key}"},
    )
    answer.raise_for_status()
    # an uneven pause, so that probes do not keep step with the tail's rounds
    await asyncio.sleep(0.2 + number % 7 * 0.013)
    return began


async def _saturate(house: House, sent: int, event_count: int, *, is_watched: bool) -> float:
    """Return the events stored a second, posted as fast as answers come."""
    watchers = _Watchers()
    if is_watched:
        await watchers.open(house)
    bodies = list(make_bodies(event_count, _BATCH_SIZE, seed=sent))
    result = await house.load(bodies, house.services["ingest"].port, _BATCH_SIZE)
    await house.wait_stored(sent + event_count)
    seconds = time.time() - (result["ended_at"] - result["seconds"])
    watchers.close()
    await asyncio.sleep(1)
    return event_count / seconds
