"""A home for measurements: Kafka, PostgreSQL and our services as `headwater up` sets them."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import msgspec
import psutil

from headwater.stack import Child, Command, LocalKafka, LocalPostgres
from headwater.topics import TopicAdmin
from libs.common.db.accounts import (
    NewIngestKey,
    NewUser,
    create_api_token,
    create_ingest_key,
    create_user,
)
from libs.common.db.engine import create_engine
from libs.common.db.migrate import upgrade
from libs.common.topics import TELEMETRY

CONNECTIONS = {10: 64, 100: 32, 1_000: 8}
"""Keep-alive connections of the load by batch size: browsers are many, backends few."""

SERVICES = {"ingest": "services.ingest", "writer": "services.writer", "query": "services.query"}


@dataclass
class Started:
    """One of our processes."""

    child: Child
    port: int

    @property
    def pid(self) -> int:
        assert self.child.pid is not None
        return self.child.pid


@dataclass
class House:
    """Everything that runs during a measurement."""

    home: Path
    postgres: LocalPostgres
    kafka: LocalKafka
    key: str = ""
    token: str = ""
    services: dict[str, Started] = field(default_factory=dict)

    @property
    def database_url(self) -> str:
        return self.postgres.url()

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HEADWATER_DATABASE_URL": self.database_url,
            "HEADWATER_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "HEADWATER_INSTALLATION_SECRET_FILE": str(self.home / "secret"),
            "HEADWATER_TELEMETRY_TOPIC": TELEMETRY.name,
            "HEADWATER_LOG_LEVEL": "WARNING",
        }

    async def start(self, name: str, module: str, database_url: str = "") -> Started:
        """Start `python -m module` on a socket of ours; return once it is ready."""
        environment = self.environment()
        if database_url:
            environment["HEADWATER_DATABASE_URL"] = database_url
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        port = listener.getsockname()[1]
        child = Child(name, self.home / "run")
        child.start(
            Command(
                (sys.executable, "-m", module),
                log=self.home / f"{name}.log",
                environment={**environment, "HEADWATER_LISTEN_FD": str(listener.fileno())},
                inherited_fds=(listener.fileno(),),
            )
        )
        listener.close()
        started = self.services[name] = Started(child, port)
        if module != "bench.relay":
            await wait_ready(port, child)
        return started

    async def stop(self, name: str) -> None:
        await self.services.pop(name).child.stop(timedelta(seconds=20))

    def cpu_seconds(self) -> dict[str, float]:
        """Return CPU seconds by process so far, children included."""
        used = {name: _cpu_of(started.pid) for name, started in self.services.items()}
        assert self.postgres.pid is not None
        used["postgres"] = _cpu_of(self.postgres.pid)
        used["kafka"] = sum(_cpu_of(node.pid) for node in self.kafka.nodes if node.pid)
        return used

    def memory_bytes(self) -> dict[str, int]:
        """Return the proportional set size by process: shared pages count once in the sum."""
        pids = {name: started.pid for name, started in self.services.items()}
        assert self.postgres.pid is not None
        pids |= {"postgres": self.postgres.pid}
        pids |= {node.name: node.pid for node in self.kafka.nodes if node.pid}
        return {
            name: sum(p.memory_full_info().pss for p in _family(pid)) for name, pid in pids.items()
        }

    async def load(
        self, bodies: Iterable[bytes], port: int, batch_size: int, rate: float = 0
    ) -> dict[str, float]:
        """Post bodies from a process of its own and return what it measured."""
        arguments = (str(port), self.key, str(CONNECTIONS[batch_size]), str(rate))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.load", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        packed = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
        try:
            out, _ = await process.communicate(packed)
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            raise RuntimeError("the load failed")
        result: dict[str, float] = msgspec.json.decode(out)
        return result

    async def connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.database_url)

    async def wait_stored(self, expected: int) -> float:
        """Return the seconds until the ledger has so many events stored, aggregated or dropped."""
        connection = await self.connect()
        began = asyncio.get_running_loop().time()
        try:
            while await stored_count(connection) < expected:
                if asyncio.get_running_loop().time() - began > 180:
                    raise RuntimeError("the writer does not come to an end")
                await asyncio.sleep(0.01)
        finally:
            await connection.close()
        return asyncio.get_running_loop().time() - began


async def stored_count(connection: asyncpg.Connection) -> int:
    """Return how many events the ledger knows an end of."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(sum(stored + aggregated_only + duplicate + dead_lettered), 0) "
            "FROM ledger_stored"
        )
    )


async def wait_ready(port: int, child: Child) -> None:
    """Wait for /readyz of a process of ours."""
    async with httpx.AsyncClient() as client:
        for _ in range(1_500):
            if not child.is_running:
                raise RuntimeError(f"{child.name} ended at once, see its log")
            try:
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)
    raise RuntimeError(f"{child.name} does not get ready")


@asynccontextmanager
async def open_house(home: Path, *, eager_indexes: bool = False) -> AsyncIterator[House]:
    """Start Kafka and PostgreSQL with an empty, migrated database; stop all in the end."""
    _prepare(home)
    house = House(home, LocalPostgres(home), LocalKafka(home))
    await asyncio.gather(house.postgres.start(), house.kafka.start())
    try:
        await upgrade(house.database_url, eager_indexes=eager_indexes)
        await recreate_topic(house)
        engine = create_engine(house.database_url, "bench")
        async with engine.begin() as connection:
            key = NewIngestKey("bench", "server", "bench", may_backfill=True)
            house.key = (await create_ingest_key(connection, key, "bench")).text
            user = await create_user(connection, NewUser("b@example.com", None, "admin"), "bench")
            token = await create_api_token(connection, user_id=user, name="b", actor="bench")
            house.token = token.text
        await engine.dispose()
        yield house
    finally:
        for name in list(house.services):
            await house.stop(name)
        await asyncio.gather(house.postgres.stop(), house.kafka.stop())


async def recreate_topic(house: House) -> None:
    """Create `telemetry` where it is not there yet."""
    async with TopicAdmin({"bootstrap_servers": house.kafka.bootstrap}) as admin:
        await admin.create([TELEMETRY])


def _prepare(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "secret").write_bytes(os.urandom(32).hex().encode())


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _cpu_of(pid: int) -> float:
    used = 0.0
    for process in _family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        # children that ended (backends of closed connections) are in the parent's account
        used += times.user + times.system + times.children_user + times.children_system
    return used
