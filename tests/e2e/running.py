"""The gateway, the writer and the query service as real processes, on a database of their own."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from headwater.stack import PortBook
from libs.common.clock import SystemClock
from libs.common.db.accounts import (
    NewIngestKey,
    NewUser,
    create_api_token,
    create_ingest_key,
    create_user,
)
from libs.common.db.engine import create_engine
from tests.faults.processes import ProcessSpec, ServiceProcess, Surroundings
from tests.faults.proxy import open_loopback_port
from tests.stack import Stack, create_topic, run_on_server, unique_telemetry

CLOCK = SystemClock()
PATIENCE_SECONDS = 15.0
BATCHES = "/api/v1/ingest/batches"
LOGS = "/api/v1/logging/logs"


@dataclass(frozen=True)
class Product:
    """The running gateway, writer and query service."""

    ingest: httpx.Client
    query: httpx.Client
    database_url: str
    browser_key: str
    """Of the same application; works from every origin."""
    processes: list[ServiceProcess]

    def key_for(self, *, is_browser: bool) -> str:
        """Return an ingest key of the application."""
        if is_browser:
            return self.browser_key
        return str(self.ingest.headers["authorization"]).removeprefix("Bearer ")

    def post(self, *events: dict[str, Any], batch_id: str | None = None) -> dict[str, Any]:
        """Post a batch that has to be accepted, and return the answer."""
        answer = self.ingest.post(
            BATCHES, json={"batch_id": batch_id or str(uuid4()), "events": events}
        )
        assert answer.status_code == 202, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def search(self, **parameters: str) -> list[dict[str, Any]]:
        """Return the items of one page."""
        answer = self.query.get(LOGS, params=parameters)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def trace(self, trace_id: str) -> list[dict[str, Any]]:
        """Return a trace's events of all kinds; none before the first is stored."""
        answer = self.query.get(f"/api/v1/logging/traces/{trace_id}")
        if answer.status_code == 404:
            return []
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def wait_for_logs(self, trace_id: str, count: int = 1) -> list[dict[str, Any]]:
        """Return a trace's logs once there are as many as expected."""
        found: list[dict[str, Any]] = wait_for(
            lambda: (logs := self.search(trace_id=trace_id)) and len(logs) >= count and logs
        )
        return found

    def rows(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Run SQL around the product."""
        return asyncio.run(_fetch(self.database_url, statement, *arguments))


async def _fetch(url: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
        return rows
    finally:
        await connection.close()


def wait_for(attempt: Callable[[], Any]) -> Any:
    """Return the first true value of an attempt."""
    until = CLOCK.monotonic() + PATIENCE_SECONDS
    while not (value := attempt()):
        assert CLOCK.monotonic() < until, f"not within {PATIENCE_SECONDS} s"
        time.sleep(0.03)
    return value


@contextmanager
def running_product(
    stack: Stack,
    run_folder: Path,
    template_database: str,
    writer_settings: Mapping[str, str] | None = None,
) -> Iterator[Product]:
    """Start the three processes on a database and a topic of their own; they have to end well."""
    name = f"product_{uuid4().hex[:8]}"
    folder = run_folder / name
    folder.mkdir()
    topic = unique_telemetry(partition_count=4)
    asyncio.run(run_on_server(stack, f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"'))
    asyncio.run(create_topic(stack, topic))
    url = stack.database_url(name)
    key, browser_key, token = asyncio.run(_make_accounts(url))
    secret = folder / "secret"
    secret.write_text(secrets.token_hex(32))
    ingest_listener, query_listener = open_loopback_port(), open_loopback_port()
    ingest_port, query_port = (s.getsockname()[1] for s in (ingest_listener, query_listener))
    writer_port = PortBook(folder / "ports.json").take("writer")
    around = Surroundings(
        folder,
        run_folder / "run",
        {
            "HEADWATER_DATABASE_URL": url,
            "HEADWATER_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
            "HEADWATER_INSTALLATION_SECRET_FILE": str(secret),
            "HEADWATER_TELEMETRY_TOPIC": topic.name,
            "HEADWATER_INGEST_INTERNAL_URL": f"http://127.0.0.1:{ingest_port}",
        },
    )
    writer_environment = {"HEADWATER_LISTEN_PORT": str(writer_port), **(writer_settings or {})}
    processes = [
        ServiceProcess(spec, around)
        for spec in (
            ProcessSpec("ingest", "services.ingest", ingest_port, ingest_listener),
            ProcessSpec("writer", "services.writer", writer_port, None, writer_environment),
            ProcessSpec("query", "services.query", query_port, query_listener),
        )
    ]
    try:
        for process in processes:
            process.launch()
        asyncio.run(_wait_ready(processes))
        with (
            httpx.Client(
                base_url=f"http://127.0.0.1:{ingest_port}",
                headers={"Authorization": f"Bearer {key}"},
            ) as ingest,
            httpx.Client(
                base_url=f"http://127.0.0.1:{query_port}",
                headers={"Authorization": f"Bearer {token}"},
                timeout=10,
            ) as query,
        ):
            yield Product(ingest, query, url, browser_key, processes)
        codes = asyncio.run(_stop(processes))
        assert codes == [0, 0, 0]
    finally:
        asyncio.run(_kill(processes))
        ingest_listener.close()
        query_listener.close()
        asyncio.run(run_on_server(stack, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _make_accounts(url: str) -> tuple[str, str, str]:
    engine = create_engine(url, "tests", pool_size=1)
    try:
        async with engine.begin() as connection:
            key = await create_ingest_key(connection, NewIngestKey("shop", "server", "e2e"), "test")
            browser_key = await create_ingest_key(
                connection, NewIngestKey("shop", "browser", "pages", ("*",)), "test"
            )
            admin = NewUser("admin@example.com", None, "admin")
            user_id = await create_user(connection, admin, "test")
            token = await create_api_token(connection, user_id=user_id, name="e2e", actor="test")
    finally:
        await engine.dispose()
    return key.text, browser_key.text, token.text


async def _wait_ready(processes: list[ServiceProcess]) -> None:
    await asyncio.gather(*(process.wait_ready() for process in processes))


async def _stop(processes: list[ServiceProcess]) -> list[int | None]:
    return await asyncio.gather(*(process.stop() for process in processes))


async def _kill(processes: list[ServiceProcess]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            await process.kill()
