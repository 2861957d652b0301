"""A click has one trace id: in the header, both sides' requests and logs, the slow SQL, the API."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.demo.web.server import serve_demo
from headwater.home import State
from tests.chromium import SDK, find_chromium
from tests.e2e.running import BATCHES, Product, running_product
from tests.stack import Stack

START_SECONDS = 30
CLICK_SECONDS = 60
PATIENCE_SECONDS = 15
SLOW = {"HEADWATER_SLOW_REQUEST": "0.5"}
"""The demo's statement takes 0.6 s: so its request is kept raw too."""
WANTED = {
    *((source, kind) for source in ("backend", "frontend") for kind in ("log", "request")),
    ("backend", "query"),
}


@pytest.fixture(scope="module")
def product(
    browser_sdk: None, stack: Stack, run_folder: Path, template_database: str
) -> Iterator[Product]:
    with running_product(stack, run_folder, template_database, SLOW) as running:
        yield running


async def test_a_click_is_one_trace(product: Product) -> None:
    stop, address = asyncio.Event(), asyncio.Queue[str]()
    state = State(
        home="",
        ready=True,
        ingest_url=str(product.ingest.base_url.join(BATCHES)),
        ingest_key=product.ingest.headers["authorization"].removeprefix("Bearer "),
        database_url=product.database_url,
    )
    serving = asyncio.create_task(serve_demo(state, 0, address.put_nowait, stop))
    try:
        url = await asyncio.wait_for(address.get(), START_SECONDS)
        clicked = await click(url)
    finally:
        stop.set()
        await serving

    trace_id = clicked["sent"]
    assert len(trace_id) == 32
    assert clicked["shown"] == trace_id
    assert clicked["answer"]["trace_id"] == trace_id
    items = await trace(product, trace_id)
    assert {item["trace_id"] for item in items} == {trace_id}
    by_kind = {(item["source"], item["kind"]): item for item in items}
    assert set(by_kind) == WANTED
    assert "order taken" in by_kind["backend", "log"]["message"]
    assert "pg_sleep" in by_kind["backend", "query"]["statement"]
    assert by_kind["backend", "query"]["duration_ms"] >= 500
    for source in ("backend", "frontend"):
        request = by_kind[source, "request"]
        assert (request["request_method"], request["request_path"]) == ("POST", "/api/orders")
    assert (
        by_kind["backend", "request"]["duration_ms"] >= by_kind["backend", "query"]["duration_ms"]
    )
    assert by_kind["frontend", "log"]["message"] == "order placed"


async def click(url: str) -> dict[str, Any]:
    """Press the page's order button in Chromium, and return what the page sent and got."""
    process = await asyncio.create_subprocess_exec(
        "node",
        "test/chromium/click.js",
        url,
        cwd=SDK,
        env={**os.environ, "CHROMIUM": find_chromium() or ""},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), CLICK_SECONDS)
    assert process.returncode == 0
    told: dict[str, Any] = json.loads(out)
    return told


async def trace(product: Product, trace_id: str) -> list[dict[str, Any]]:
    """Return what `GET /traces/{id}` knows, once the click's last event is there."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            items = product.trace(trace_id)
            if {(item["source"], item["kind"]) for item in items} >= WANTED:
                return items
            await asyncio.sleep(0.05)
