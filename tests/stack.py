"""The real Kafka and PostgreSQL that tests share: containers or the local stack, decided here.

Also the leftovers of test runs that were killed: the next run ends their processes.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from headwater.stack import (
    KafkaOptions,
    LocalKafka,
    LocalPostgres,
    PortBook,
    PostgresOptions,
)
from headwater.stack.process import start_of
from headwater.supervisor.down import take_down
from headwater.topics import TopicAdmin
from libs.common.db.migrate import upgrade
from libs.common.topics import TELEMETRY, Topic

FOLDER_PREFIX = "headwater-tests-"
DOCKER_SOCKET = Path("/var/run/docker.sock")
DOCKER_ANSWER_SECONDS = 1


@dataclass(frozen=True)
class Stack:
    """Where the shared servers are."""

    database_server_url: str
    """Address of the server's maintenance database."""
    kafka_bootstrap: str
    folder: Path
    """Of this test run; other users may enter it, PostgreSQL's own among them."""

    def database_url(self, database: str) -> str:
        """Return the address of one database."""
        return str(urlunsplit(urlsplit(self.database_server_url)._replace(path=f"/{database}")))

    @property
    def kafka_connection(self) -> dict[str, str]:
        """Return the arguments for an aiokafka client."""
        return {"bootstrap_servers": self.kafka_bootstrap}


class LocalParts:
    """The local stack, small and quick."""

    def __init__(self, folder: Path) -> None:
        self._postgres = LocalPostgres(folder, options=PostgresOptions.quick())
        self._kafka = LocalKafka(folder, options=KafkaOptions("256m", quick_start=True))
        self.folder = folder

    def start(self) -> Stack:
        async def both() -> None:
            await asyncio.gather(self._postgres.start(), self._kafka.start())

        asyncio.run(both())
        return Stack(self._postgres.url("postgres"), self._kafka.bootstrap, self.folder)

    def stop(self) -> None:
        async def both() -> None:
            await asyncio.gather(self._postgres.stop(), self._kafka.stop())

        asyncio.run(both())


class ContainerParts:
    """The same servers as containers."""

    def __init__(self, folder: Path) -> None:
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - slow
        from testcontainers.postgres import PostgresContainer  # noqa: PLC0415

        port = PortBook(folder / "ports.json").take("kafka")
        listeners = "PLAINTEXT://:9092,CONTROLLER://:9093"
        settings = {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_LISTENERS": listeners,
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "3000",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_MESSAGE_MAX_BYTES": str(9 * 1024 * 1024),
        }
        kafka = DockerContainer("apache/kafka:4.3.1").with_bind_ports(9092, port)
        for name, value in settings.items():
            kafka = kafka.with_env(name, value)
        self._kafka = kafka
        self._kafka_port = port
        self._postgres = (
            PostgresContainer("postgres:18", driver=None)
            .with_env(
                "POSTGRES_INITDB_ARGS",
                "--locale-provider=builtin --builtin-locale=C.UTF-8 --encoding=UTF8",
            )
            .with_command("postgres -c max_locks_per_transaction=1024 -c jit=off -c fsync=off")
        )
        self.folder = folder

    def start(self) -> Stack:
        self._kafka.start()
        self._postgres.start()
        bootstrap = f"127.0.0.1:{self._kafka_port}"
        asyncio.run(_wait_for_kafka(bootstrap))
        return Stack(self._postgres.get_connection_url(), bootstrap, self.folder)

    def stop(self) -> None:
        self._postgres.stop()
        self._kafka.stop()


def parts_for(folder: Path) -> LocalParts | ContainerParts:
    """Return containers where a Docker engine answers, the local stack elsewhere."""
    return ContainerParts(folder) if docker_answers() else LocalParts(folder)


def docker_answers() -> bool:
    """Say whether a Docker engine answers on the usual socket; takes a second at the most."""
    if not DOCKER_SOCKET.exists():
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(DOCKER_ANSWER_SECONDS)
        try:
            probe.connect(str(DOCKER_SOCKET))
            probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in probe.recv(1024).split(b"\r\n")[0]
        except OSError:
            return False


def make_run_folder() -> Path:
    """Return a folder for this test run, after ending what killed runs left behind."""
    root = Path(tempfile.gettempdir())
    with _alone_in(root):
        _end_killed_runs(root)
    made = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
    made.chmod(0o755)
    return made


def _end_killed_runs(root: Path) -> None:
    for folder in root.glob(f"{FOLDER_PREFIX}*"):
        owner = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        # A worker that died lies there as a zombie until its run ends.
        if owner.isdigit() and start_of(int(owner)) is None:
            for run_folder in {*folder.glob("run"), *folder.glob("*/run")}:
                # A supervisor that outlived its test would start again what is ended here.
                take_down(run_folder.parent)
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: of several workers one cleans up, the others wait for it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


async def make_template(stack: Stack) -> str:
    """Make a migrated database to copy the tests' databases from, and return its name."""
    name = "template_headwater"
    await run_on_server(stack, f'CREATE DATABASE "{name}"')
    await upgrade(stack.database_url(name))
    return name


async def run_on_server(stack: Stack, statement: str) -> None:
    """Run one statement outside of any test's database."""
    connection = await asyncpg.connect(stack.database_server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def create_topic(stack: Stack, declared: Topic) -> None:
    """Create one topic and wait until it can be written to."""
    async with TopicAdmin(stack.kafka_connection) as admin:
        await admin.create([declared])


def unique_telemetry(partition_count: int) -> Topic:
    """Return the telemetry topic under a name that no other test has."""
    return Topic(
        name=f"telemetry-{uuid4().hex[:12]}",
        partition_count=partition_count,
        retention=TELEMETRY.retention,
        retention_bytes=TELEMETRY.retention_bytes,
        key=TELEMETRY.key,
        writer=TELEMETRY.writer,
        readers=TELEMETRY.readers,
    )


async def _wait_for_kafka(bootstrap: str) -> None:
    for _ in range(120):
        with contextlib.suppress(Exception):
            async with TopicAdmin({"bootstrap_servers": bootstrap}) as admin:
                await admin.cluster_id()
                return
        await asyncio.sleep(0.5)
    raise TimeoutError("Kafka's container did not come up within a minute")
