from datetime import UTC, datetime, timedelta

import httpx
from starlette.applications import Starlette

from libs.common.clock import SettableClock
from libs.common.http.health import health_routes
from libs.common.runtime import LoopWatch
from libs.common.telemetry.metrics import Metrics

START = datetime(2026, 1, 1, tzinfo=UTC)


class Process:
    """A process with one loop and one server that it needs."""

    def __init__(self) -> None:
        self.clock = SettableClock(START)
        self.watch = LoopWatch(self.clock)
        self.metrics = Metrics()
        self.missing: dict[str, str] = {}
        app = Starlette(routes=health_routes(self.watch, self._readiness, self.metrics))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://process"
        )

    async def _readiness(self) -> dict[str, str]:
        return self.missing


async def test_alive_and_ready() -> None:
    process = Process()

    alive = await process.client.get("/healthz")
    ready = await process.client.get("/readyz")

    assert (alive.status_code, alive.json()["ok"]) == (200, True)
    assert (ready.status_code, ready.json()["ready"]) == (200, True)


async def test_missing_server_makes_unready_not_dead() -> None:
    process = Process()
    process.missing = {"kafka": "no answer"}

    ready = await process.client.get("/readyz")

    assert (ready.status_code, ready.json()["missing"]) == (503, {"kafka": "no answer"})
    assert (await process.client.get("/healthz")).status_code == 200


async def test_silent_loop_makes_dead() -> None:
    process = Process()
    process.watch.beat("store", timedelta(seconds=1))
    process.clock.move_to(START + timedelta(minutes=1))

    alive = await process.client.get("/healthz")

    assert alive.status_code == 503
    assert list(alive.json()["problems"]) == ["store"]


async def test_metrics_are_exposed() -> None:
    process = Process()
    process.metrics.counter("headwater_ingest_body_bytes_total").inc(7)

    exposition = await process.client.get("/metrics")

    assert exposition.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "headwater_ingest_body_bytes_total 7.0" in exposition.text
