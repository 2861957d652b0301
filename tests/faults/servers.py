"""The real Kafka and PostgreSQL that all rows of a run share, with proxies in front of them."""

import asyncio
import os
import resource
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from headwater.stack import KafkaOptions, LocalKafka, LocalPostgres, PortBook, PostgresOptions
from headwater.topics import TopicAdmin
from libs.common.db.migrate import upgrade
from tests.faults.proxy import Proxy

TEMPLATE = "template_faults"
CONNECTION_COUNT = 60
DISK_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Broken:
    """The servers that a row may break; absent where they are shared with other tests."""

    kafka: LocalKafka
    postgres: LocalPostgres
    kafka_proxies: list[Proxy]
    postgres_proxy: Proxy
    disk: Path | None
    """Where PostgreSQL has a disk of its own that can be filled; None = by a quota."""


@dataclass(frozen=True)
class Servers:
    """Where the servers are: for the services, and, around all faults, for the harness."""

    bootstrap: str
    direct_bootstrap: str
    database_server_url: str
    folder: Path
    database_port: int | None = None
    """Port that the services take instead of the server's own."""
    parts: Broken | None = None
    template: list[str] = field(default_factory=list)
    """Name of the migrated database, once there is one."""

    @property
    def breakable(self) -> Broken:
        """Return the servers to break."""
        if self.parts is None:
            raise LookupError("these servers belong to other tests too")
        return self.parts

    def direct_url(self, database: str) -> str:
        """Return a database's address for the harness."""
        return _with_path(self.database_server_url, database, None)

    def service_url(self, database: str) -> str:
        """Return a database's address for the services."""
        return _with_path(self.database_server_url, database, self.database_port)

    def admin(self) -> TopicAdmin:
        """Return a client for topics; use as an async context."""
        return TopicAdmin({"bootstrap_servers": self.direct_bootstrap})

    async def create_database(self, name: str) -> None:
        """Make a migrated, empty database."""
        if not self.template:
            await self.run(f'CREATE DATABASE "{TEMPLATE}"')
            await upgrade(self.direct_url(TEMPLATE))
            self.template.append(TEMPLATE)
        await self.run(f'CREATE DATABASE "{name}" TEMPLATE "{self.template[0]}"')

    async def drop_database(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        await self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def run(self, statement: str) -> None:
        """Run one statement in the maintenance database."""
        connection = await asyncpg.connect(self.database_server_url, timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class FaultServers:
    """Three brokers and a database; clients reach them through proxies only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._disk = _mount_disk(folder / "postgres")
        self._kafka = LocalKafka(
            folder, brokers=3, options=KafkaOptions(heap="320m", quick_start=True)
        )
        settings = dict(PostgresOptions.quick().settings)
        settings |= {"max_connections": str(CONNECTION_COUNT), "max_wal_size": "256MB"}
        self._postgres = LocalPostgres(
            folder,
            options=PostgresOptions(shared_buffers_bytes=128 * 1024**2, settings=settings),
        )
        self._proxies: list[Proxy] = []

    async def start(self) -> Servers:
        """Start everything and return where it is."""
        await asyncio.gather(self._start_kafka(), self._postgres.start())
        postgres_proxy = Proxy(self._postgres.port)
        await postgres_proxy.start()
        kafka_proxies = list(self._proxies)
        self._proxies.append(postgres_proxy)
        return Servers(
            bootstrap=",".join(f"127.0.0.1:{proxy.port}" for proxy in kafka_proxies),
            direct_bootstrap=self._kafka.bootstrap,
            database_server_url=self._postgres.url("postgres"),
            folder=self._folder,
            database_port=postgres_proxy.port,
            parts=Broken(self._kafka, self._postgres, kafka_proxies, postgres_proxy, self._disk),
        )

    async def _start_kafka(self) -> None:
        """Start the nodes with a second listener, whose advertised address is a proxy's."""
        await self._kafka.prepare()
        ports = PortBook(self._folder / "ports.json")
        for node in self._kafka.nodes:
            client_port = ports.take(f"{node.name}-clients")
            proxy = Proxy(client_port)
            await proxy.start()
            self._proxies.append(proxy)
            broker = f"PLAINTEXT://127.0.0.1:{node.address.broker_port}"
            controller = f"CONTROLLER://127.0.0.1:{node.address.controller_port}"
            protocols = ("PLAINTEXT", "CONTROLLER", "CLIENTS")
            # of a setting that stands twice, the later one counts
            with node.properties.open("a") as properties:
                properties.write(
                    f"listeners={broker},{controller},CLIENTS://127.0.0.1:{client_port}\n"
                    f"advertised.listeners={broker},CLIENTS://127.0.0.1:{proxy.port}\n"
                    "listener.security.protocol.map="
                    + ",".join(f"{name}:PLAINTEXT" for name in protocols)
                    + "\n"
                )
            await node.launch()
        await asyncio.gather(*(node.wait_ready() for node in self._kafka.nodes))

    async def stop(self) -> None:
        """Stop everything, frozen or not."""
        for node in self._kafka.nodes:
            node.thaw()
        thaw_all(self._postgres)
        await asyncio.gather(*(proxy.stop() for proxy in self._proxies))
        await asyncio.gather(self._kafka.stop(), self._postgres.stop())
        if self._disk is not None:
            await asyncio.to_thread(_unmount, self._disk)


def _mount_disk(place: Path) -> Path | None:
    """Give PostgreSQL a small disk of its own, in memory; None where mounts are not permitted."""
    place.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return None
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "tmpfs", str(place)],
        check=False,
        capture_output=True,
    )
    return place if mounted.returncode == 0 else None


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], check=False)


def processes_of(postgres: LocalPostgres) -> list[int]:
    """Return the pids of the postmaster and all its backends."""
    postmaster = postgres.child.pid
    if postmaster is None:
        return []
    return [postmaster, *_children_of(postmaster)]


def _children_of(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # Ended meanwhile.
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def freeze_all(postgres: LocalPostgres) -> None:
    """Stop the whole server with SIGSTOP: connections stay, nothing answers."""
    _signal_all(postgres, signal.SIGSTOP)


def thaw_all(postgres: LocalPostgres) -> None:
    """Let the whole server go on."""
    _signal_all(postgres, signal.SIGCONT)


def _signal_all(postgres: LocalPostgres, number: signal.Signals) -> None:
    for pid in processes_of(postgres):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # A backend that ended meanwhile.


def limit_file_size(postgres: LocalPostgres, size_bytes: int) -> None:
    """Let no file of the server grow beyond a size: the stand-in for a full disk."""
    for pid in processes_of(postgres):
        try:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))
        except ProcessLookupError:
            continue  # A backend that ended meanwhile.


def _with_path(url: str, database: str, port: int | None) -> str:
    parts = urlsplit(url)
    if port is not None:
        user, _, _ = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user}@127.0.0.1:{port}")
    return str(urlunsplit(parts._replace(path=f"/{database}")))
