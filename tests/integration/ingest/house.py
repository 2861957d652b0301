"""A real gateway process with a database and a topic of its own, keys in it, and ways to look."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from libs.common.access_keys import hash_secret
from libs.common.events import BatchRecord, decode_batch
from services.ingest.api.batches import PATH
from tests.faults.processes import ProcessSpec, ServiceProcess, Surroundings
from tests.faults.proxy import open_loopback_port
from tests.stack import Stack, create_topic, run_on_server, unique_telemetry
from tests.unit.ingest.making import SECRET

INSTALLATION_SECRET = b"an installation secret of the tests"
PAGE = "https://shop.example.com"
PARTITION_COUNT = 3
REQUEST_SECONDS = 15
_OLD = hash_secret("before")
_KEYS: tuple[dict[str, Any], ...] = (
    {"id": "k1"},
    {"id": "off", "is_enabled": False},
    {"id": "web", "kind": "browser", "origins": [PAGE, "https://*.example.org"]},
    {"id": "turned", "previous_secret_hash": _OLD, "previous_valid_until": "2100-01-01T00:00:00Z"},
    {"id": "past", "previous_secret_hash": _OLD, "previous_valid_until": "2020-01-01T00:00:00Z"},
    {"id": "small", "events_per_minute": 20},
    {"id": "smallotlp", "events_per_minute": 20},
    {"id": "smallsentry", "events_per_minute": 20},
)


def bearer(key_id: str = "k1", secret: str = SECRET) -> dict[str, str]:
    """Return the header with a key."""
    return {"authorization": f"Bearer hw_{key_id}_{secret}"}


def batch(*messages: str, **envelope: Any) -> dict[str, Any]:
    """Return a batch of logs with a fresh id."""
    events = [{"kind": "log", "message": message} for message in messages or ("hello",)]
    return {"batch_id": str(uuid4()), "events": events, **envelope}


@dataclass
class Gateway:
    """A running gateway and what stands around it."""

    stack: Stack
    database_url: str
    topic: str
    process: ServiceProcess
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        """Open a client that keeps its connection."""
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.process.port}", timeout=REQUEST_SECONDS
        )

    def post(
        self,
        content: bytes | dict[str, Any],
        headers: dict[str, str] | None = None,
        query: str = "",
    ) -> httpx.Response:
        """Post a body with the usual key, which `headers` may replace."""
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        usual = {"content-type": "application/json", **bearer()}
        return self.client.post(PATH + query, content=sent, headers=usual | (headers or {}))

    def records(self) -> list[BatchRecord]:
        """Return every record of the topic, decoded."""
        return [decode_batch(value) for _, value in self.raw_records()]

    def record_of(self, batch_id: str) -> BatchRecord:
        """Return the one record of a batch."""
        (record,) = [r for r in self.records() if str(r.header.batch_id) == batch_id]
        return record

    def raw_records(self) -> list[tuple[int, bytes]]:
        """Return partition and value of every record of the topic."""
        return asyncio.run(read_topic(self.stack.kafka_bootstrap, self.topic))

    def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run SQL in the gateway's database."""
        return asyncio.run(_fetch(self.database_url, statement, *arguments))

    def is_alive(self) -> bool:
        """Say whether the very same process answers and is well."""
        return self.process.is_running and self.client.get("/healthz").status_code == 200


async def read_topic(bootstrap: str, topic: str) -> list[tuple[int, bytes]]:
    """Read a topic from its beginning to its present end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITION_COUNT)]
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        left = sum(ends.values())
        found: list[tuple[int, bytes]] = []
        while left > len(found):
            polled = await consumer.getmany(timeout_ms=1_000)
            for partition, records in polled.items():
                found += [(partition.partition, record.value) for record in records]
        return found
    finally:
        await consumer.stop()


async def _fetch(url: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
        return rows
    finally:
        await connection.close()


async def add_keys(database_url: str) -> None:
    """Put the tests' ingest keys into a database."""
    connection = await asyncpg.connect(database_url)
    try:
        for key in _KEYS:
            columns = {"kind": "server", "origins": [], "is_enabled": True} | key
            await connection.execute(
                "INSERT INTO ingest_keys (id, secret_hash, application, name, kind, origins,"
                " is_enabled, previous_secret_hash, previous_valid_until, events_per_minute)"
                " VALUES ($1, $2, 'shop', $1, $3, $4, $5, $6, $7::text::timestamptz, $8)",
                columns["id"],
                hash_secret(SECRET),
                columns["kind"],
                columns["origins"],
                columns["is_enabled"],
                columns.get("previous_secret_hash"),
                columns.get("previous_valid_until"),
                columns.get("events_per_minute"),
            )
    finally:
        await connection.close()


async def _prepare(stack: Stack, template_database: str) -> tuple[str, str]:
    name = f"test_{uuid4().hex[:12]}"
    await run_on_server(
        stack, f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY file_copy'
    )
    topic = unique_telemetry(partition_count=PARTITION_COUNT)
    await create_topic(stack, topic)
    url = stack.database_url(name)
    await add_keys(url)
    return url, topic.name


def spec_of(name: str, **environment: str) -> ProcessSpec:
    """Return how one gateway process is started, on a port that is kept open for it."""
    listener = open_loopback_port()
    listener.listen(512)
    port = int(listener.getsockname()[1])
    return ProcessSpec(name, "services.ingest", port, listener, environment)


def surroundings(stack: Stack, database_url: str, topic: str) -> Surroundings:
    """Return the environment of gateways that work on a database and a topic."""
    folder = stack.folder / f"ingest-{uuid4().hex[:8]}"
    folder.mkdir()
    secret = folder / "secret"
    secret.write_bytes(INSTALLATION_SECRET)
    environment = {
        "HEADWATER_DATABASE_URL": database_url,
        "HEADWATER_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "HEADWATER_TELEMETRY_TOPIC": topic,
        "HEADWATER_INSTALLATION_SECRET_FILE": str(secret),
        "HEADWATER_LEDGER_FLUSH": "PT1S",
        "HEADWATER_KEYS_REFRESH": "PT1S",
        "HEADWATER_BODY_TIMEOUT": "PT2S",
        "PYTHONPATH": str(Path.cwd()),
    }
    return Surroundings(folder, folder / "run", environment)


@contextmanager
def running_gateway(stack: Stack, template_database: str, **environment: str) -> Iterator[Gateway]:
    """Start a gateway with a database and a topic of its own; stop it at the end."""
    database_url, topic = asyncio.run(_prepare(stack, template_database))
    around = surroundings(stack, database_url, topic)
    process = ServiceProcess(spec_of("ingest", **environment), around)
    gateway = Gateway(stack, database_url, topic, process)
    try:
        asyncio.run(process.start())
        yield gateway
    finally:
        gateway.client.close()
        asyncio.run(process.stop())
        if process.spec.listener is not None:
            process.spec.listener.close()
        name = database_url.rsplit("/", 1)[1]
        asyncio.run(run_on_server(stack, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
