"""The Python SDK in real processes, with the real gateway behind a network that breaks."""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from headwater_sdk import (
    AsyncTraceTransport,
    Client,
    HeadwaterHandler,
    HeadwaterMiddleware,
)
from headwater_sdk.integrations.sqlalchemy import watch_engine
from headwater_sdk.options import read_options
from libs.common.db.engine import create_engine
from libs.common.telemetry.self_logs import BURST
from tests.e2e.running import BATCHES, Product, running_product, wait_for
from tests.faults.proxy import Proxy
from tests.stack import Stack

HOST_SECONDS = 40
SLOW_STATEMENT = "SELECT pg_sleep(0.55), 'secret of a literal'"


@pytest.fixture(scope="module")
def product(stack: Stack, run_folder: Path, template_database: str) -> Iterator[Product]:
    with running_product(stack, run_folder, template_database) as running:
        yield running


@pytest.fixture
async def proxy(product: Product) -> AsyncIterator[Proxy]:
    """The network between the application and the gateway."""
    between = Proxy(product.ingest.base_url.port or 0)
    await between.start()
    yield between
    await between.stop()


class Application:
    """Host processes with one spool, whose events have one release."""

    def __init__(self, product: Product, proxy: Proxy, spool: Path) -> None:
        self._product = product
        self._spool = spool
        self.release = uuid4().hex
        self._settings = {
            "url": f"http://127.0.0.1:{proxy.port}{BATCHES}",
            "key": product.ingest.headers["authorization"].removeprefix("Bearer "),
            "release": self.release,
            "spool": str(spool),
        }

    async def start(self, mode: str, count: int) -> asyncio.subprocess.Process:
        settings = json.dumps(self._settings | {"count": count})
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.e2e.sdk_host",
            mode,
            settings,
            stdout=asyncio.subprocess.PIPE,
        )

    async def run(self, mode: str, count: int) -> dict[str, Any]:
        """Run a host to its end, and return what it counted."""
        process = await self.start(mode, count)
        try:
            out, _ = await asyncio.wait_for(process.communicate(), HOST_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        assert process.returncode == 0
        counts: dict[str, Any] = json.loads(out or b"{}")
        return counts

    def spooled_count(self) -> int:
        """Return how many events lie in the spool."""
        return sum(
            len(json.loads(path.read_bytes())["events"]) for path in self._spool.rglob("*.json")
        )

    async def stored(self, count: int) -> Counter[str]:
        """Return how often each message is stored, once they are as many as expected."""

        def rows() -> Counter[str]:
            found = self._product.rows(
                "SELECT message FROM app_logs WHERE release = $1", self.release
            )
            return Counter(row["message"] for row in found)

        def enough() -> Counter[str] | None:
            return found if (found := rows()).total() >= count else None

        found: Counter[str] = await asyncio.to_thread(wait_for, enough)
        return found


@pytest.fixture
def application(product: Product, proxy: Proxy, tmp_path: Path) -> Application:
    return Application(product, proxy, tmp_path / "spool")


def messages(count: int, name: str = "message") -> Counter[str]:
    return Counter(f"{name} {number}" for number in range(count))


async def test_each_event_is_stored_once_over_an_outage_with_eaten_answers(
    application: Application, proxy: Proxy
) -> None:
    proxy.eaten_share = 0.3
    running = asyncio.create_task(application.run("steady", 150))
    await asyncio.sleep(1.2)
    proxy.refuse()
    await asyncio.sleep(1.5)
    proxy.heal()
    counts = await running

    assert await application.stored(150) == messages(150)
    assert counts["sent"] == counts["captured"] == 150
    assert application.spooled_count() == 0


async def test_what_was_captured_before_kill_9_is_sent_by_the_next_process(
    application: Application, proxy: Proxy
) -> None:
    proxy.refuse()
    process = await application.start("crash", 50)
    assert process.stdout is not None
    counts = json.loads(await asyncio.wait_for(process.stdout.readline(), HOST_SECONDS))
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert counts["stored"] == application.spooled_count() == 50

    proxy.heal()
    counts = await application.run("recover", 50)

    assert counts["recovered"] == 50
    assert await application.stored(50) == messages(50)
    assert application.spooled_count() == 0


async def test_a_fork_sends_what_is_its_own_and_nothing_twice(application: Application) -> None:
    await application.run("fork", 20)
    # Where the machine is busy, an end may come before the answers do: the spool keeps the rest.
    await application.run("recover", application.spooled_count())

    who = ("message", "parent", "child", "worker")
    expected = Counter({name: 1 for one in who for name in messages(20, one)})
    assert await application.stored(80) == expected


async def test_the_end_of_the_process_sends_what_was_captured(application: Application) -> None:
    await application.run("exit", 40)

    assert await application.stored(40) == messages(40)


async def test_a_process_ends_while_the_gateway_is_silent_and_loses_nothing(
    application: Application, proxy: Proxy
) -> None:
    proxy.silence()
    await application.run("exit", 40)
    assert application.spooled_count() == 40

    proxy.heal()
    await application.run("recover", 40)
    assert await application.stored(40) == messages(40)


async def test_our_own_services_send_a_bounded_copy_of_their_warnings(
    application: Application, product: Product
) -> None:
    await application.run("service", BURST * 5)

    rows = await asyncio.to_thread(
        wait_for,
        lambda: len(found := product.wait_for_logs(application.release, BURST)) >= BURST and found,
    )
    assert sorted(row["message"] for row in rows) == sorted(messages(BURST))
    assert {row["level"] for row in rows} == {"WARNING"}
    extra = rows[0]["extra_data"]
    assert (extra["service"], extra["password"]) == ("writer", "[REDACTED]")


async def test_one_trace_through_asgi_sql_and_httpx(product: Product) -> None:
    """A request, its log, its slow SQL and the log of the service that it calls: one trace id."""
    key = product.ingest.headers["authorization"].removeprefix("Bearer ")
    options = read_options(str(product.ingest.base_url.join(BATCHES)), key, {})
    client = Client(options)
    handler = HeadwaterHandler(client)
    log = logging.getLogger("tests.sdk.trace")
    log.addHandler(handler)
    log.setLevel("INFO")
    engine = create_engine(product.database_url, "tests", pool_size=1)
    watch_engine(client, engine)

    async def stock(request: Request) -> PlainTextResponse:
        log.info("stock of %s", request.path_params["item_id"])
        return PlainTextResponse(request.headers.get("x-trace-id", ""))

    below = Starlette(routes=[Route("/stock/{item_id}", stock)])
    called = httpx.ASGITransport(HeadwaterMiddleware(below, client))

    async def order(request: Request) -> JSONResponse:
        log.warning("order taken")
        async with engine.connect() as connection:
            await connection.execute(text(SLOW_STATEMENT))
        transport = AsyncTraceTransport(client, called)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as inner:
            answer = await inner.get("/stock/7")
        if "fail" in request.query_params:
            raise LookupError("no such basket")
        return JSONResponse({"seen_below": answer.text})

    app = Starlette(routes=[Route("/orders/{order_id:int}", order, methods=["POST"])])
    outer = httpx.ASGITransport(HeadwaterMiddleware(app, client), raise_app_exceptions=False)
    trace_id = uuid4().hex
    try:
        async with httpx.AsyncClient(transport=outer, base_url="http://shop.test") as browser:
            answer = await browser.post("/orders/12?fail", headers={"X-Trace-Id": trace_id})
        assert answer.status_code == 500
        assert await asyncio.to_thread(client.flush, 10)
    finally:
        log.removeHandler(handler)
        await asyncio.to_thread(client.close)
        await engine.dispose()

    def trace() -> list[dict[str, Any]] | None:
        items = product.trace(trace_id)
        return items if len(items) >= 4 else None

    items = await asyncio.to_thread(wait_for, trace)
    assert {item["trace_id"] for item in items} == {trace_id}
    kinds = Counter(item["kind"] for item in items)
    assert kinds["log"] == 2
    assert kinds["exception"] == kinds["query"] == 1
    query = next(item for item in items if item["kind"] == "query")
    assert query["statement"] == "SELECT pg_sleep(?), ?"
    assert query["duration_ms"] >= 500
    assert {item["request_path"] for item in items if item["kind"] == "log"} == {
        "/orders/12",
        "/stock/7",
    }
    counts = client.stats()
    assert counts["captured"] == counts["sent"]
