"""The query service as a process of its own: it tails a real topic, and drains with tails open."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from headwater.stack import PortBook
from tests.integration.query.house import SECRET, House, open_house
from tests.integration.query.tailing import Feed, feeding, watch
from tests.stack import Stack

START_SECONDS = 30
DRAIN_SECONDS = 8


@pytest.fixture
async def address(
    stack: Stack, telemetry: str, database: str, tmp_path: Path
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A query process and its address."""
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    port = PortBook(tmp_path / "ports.json").take("query")
    settings = {
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "INSTALLATION_SECRET_FILE": str(secret),
        "TELEMETRY_TOPIC": telemetry,
        "LISTEN_PORT": str(port),
    }
    environment = os.environ | {f"HEADWATER_{name}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.query", env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    base_url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{base_url}/readyz")).status_code == 200:
                        break
                await asyncio.sleep(0.1)
        yield base_url, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
async def feed(stack: Stack, telemetry: str) -> AsyncIterator[Feed]:
    async with feeding(stack.kafka_connection, telemetry) as opened:
        yield opened


@pytest.fixture
async def house(database: str) -> AsyncIterator[House]:
    async with open_house(database) as opened:
        yield opened


async def test_a_process_ends_its_tails_and_drains(
    address: tuple[str, asyncio.subprocess.Process], house: House, feed: Feed
) -> None:
    base_url, process = address
    token = await house.token("admin@example.com", "admin")
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30) as client,
        watch(client) as stream,
    ):
        await feed.say("through the process")
        assert await stream.events(1) == ["through the process"]
        process.send_signal(signal.SIGTERM)
        assert (await stream.until("end")).data == {"reason": "restart"}
    async with asyncio.timeout(DRAIN_SECONDS):
        assert await process.wait() == 0
