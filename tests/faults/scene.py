"""One row's stage: a database, a topic and processes of its own, load, journal and watch."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from headwater.stack.ports import PortBook
from headwater.topic_adoption import adopt, plan_adoption
from libs.common.db.accounts import (
    NewIngestKey,
    NewUser,
    create_api_token,
    create_ingest_key,
    create_user,
)
from libs.common.db.engine import create_engine
from libs.common.db.offsets import Fence
from libs.common.topics import TELEMETRY, Topic
from tests.faults import database as db
from tests.faults.http_client import Answer, BrokenOff, HttpConnection
from tests.faults.journal import JournalWriter
from tests.faults.load import Load, LoadPlan
from tests.faults.oracle import Allowance
from tests.faults.processes import ProcessSpec, ServiceProcess, Surroundings
from tests.faults.proxy import open_loopback_port
from tests.faults.servers import Broken, Servers
from tests.faults.watch import Place, Watch

PARTITION_COUNT = 12
SLICING = {
    "HEADWATER_WIDEST_SLICE": "5",
    "HEADWATER_SEAL_GRACE": "1",
    "HEADWATER_SEAL_PERIOD": "1",
    "HEADWATER_MERGE_FROM_COUNT": "6",
}
"""Slices are past within seconds, late rows come to sealed ones, and merging never ends."""


@dataclass(frozen=True)
class StagePlan:
    """What a row asks of its stage."""

    writer_module: str = "services.writer"
    gateway_count: int = 2
    writer_count: int = 2
    with_query: bool = False
    leave_share: float = 0.0
    resend_share: float = 0.02
    answer_timeout_s: float = 10.0
    warm_up_s: float = 5.0
    gateway_environment: dict[str, str] = field(default_factory=dict)
    events_per_second: int = 600


class Scene:
    """What a row works with. `open` and `close` belong to the runner."""

    def __init__(self, servers: Servers, name: str, seed: int, plan: StagePlan) -> None:
        self.servers = servers
        self.plan = plan
        self.seed = seed
        self.name = f"{name}_{secrets.token_hex(3)}"
        self.folder = servers.folder / "rows" / self.name
        self.chance = random.Random(seed)
        self.topic = Topic(
            name=f"telemetry-{self.name}",
            partition_count=PARTITION_COUNT,
            retention=TELEMETRY.retention,
            retention_bytes=TELEMETRY.retention_bytes,
            key=TELEMETRY.key,
            writer=TELEMETRY.writer,
            readers=TELEMETRY.readers,
        )
        self.database = f"faults_{self.name}"
        self.gateways: list[ServiceProcess] = []
        self.writers: list[ServiceProcess] = []
        self.query: ServiceProcess | None = None
        self.key_id = ""
        self.allowance = Allowance()
        self.problems: list[str] = []
        """What the row itself found wrong."""
        self.notes: list[str] = []
        """What the row measured."""
        self.fault_ended_at = 0.0
        self.stands_still_at_end = False
        """The row ends with partitions stopped on purpose: lag stays."""
        self._listener = open_loopback_port()
        self._query_listener = open_loopback_port()
        self._ports = PortBook(self.folder / "ports.json")
        self._journal: JournalWriter | None = None
        self._token = ""
        self._load: Load | None = None
        self._watch: Watch | None = None
        self._around: Surroundings | None = None

    @property
    def broken(self) -> Broken:
        """Return the servers to break."""
        return self.servers.breakable

    @property
    def load(self) -> Load:
        """Return the running load."""
        assert self._load is not None
        return self._load

    @property
    def watch(self) -> Watch:
        """Return the running watch."""
        assert self._watch is not None
        return self._watch

    @property
    def journal(self) -> JournalWriter:
        """Return the ledger of what was sent and acknowledged."""
        assert self._journal is not None
        return self._journal

    @property
    def port(self) -> int:
        """Return the gateways' port."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Return the database's address around all faults."""
        return self.servers.direct_url(self.database)

    async def open(self) -> None:
        """Make database and topic, start the processes, and let the load begin."""
        self.folder.mkdir(parents=True)
        await self.servers.create_database(self.database)
        async with self.servers.admin() as admin:
            await admin.create([self.topic])
        key = await self._make_accounts()
        secret = self.folder / "installation_secret"
        secret.write_text(secrets.token_hex(32))
        self._around = Surroundings(
            self.folder,
            self.servers.folder / "run",
            {
                "HEADWATER_DATABASE_URL": self.servers.service_url(self.database),
                "HEADWATER_KAFKA_BOOTSTRAP": self.servers.bootstrap,
                "HEADWATER_INSTALLATION_SECRET_FILE": str(secret),
                "HEADWATER_TELEMETRY_TOPIC": self.topic.name,
                "HEADWATER_INGEST_INTERNAL_URL": f"http://127.0.0.1:{self.port}",
            },
        )
        self.gateways = [self.make_gateway(n) for n in range(1, self.plan.gateway_count + 1)]
        self.writers = [self.make_writer(n) for n in range(1, self.plan.writer_count + 1)]
        everyone = [*self.gateways, *self.writers]
        if self.plan.with_query:
            self.query = ServiceProcess(
                ProcessSpec(
                    "query",
                    "services.query",
                    int(self._query_listener.getsockname()[1]),
                    self._query_listener,
                ),
                self._around,
            )
            everyone.append(self.query)
        for process in everyone:
            process.launch()
        await asyncio.gather(*(process.wait_ready() for process in everyone))
        self._journal = JournalWriter(self.folder / "journal")
        self._load = Load(
            LoadPlan(
                self.port,
                key,
                self.seed,
                events_per_second=self.plan.events_per_second,
                answer_timeout_s=self.plan.answer_timeout_s,
                leave_share=self.plan.leave_share,
                resend_share=self.plan.resend_share,
            ),
            self._journal,
        )
        place = Place(self.url, self.servers.direct_bootstrap, self.topic.name)
        self._watch = Watch(place, self._load.state)
        self._watch.start()
        self._load.start()

    async def _make_accounts(self) -> str:
        engine = create_engine(self.url, "faults", pool_size=1)
        try:
            async with engine.begin() as connection:
                made = await create_ingest_key(
                    connection, NewIngestKey("faults", "server", "load"), "faults"
                )
                if self.plan.with_query:
                    admin = NewUser("faults@example.com", None, "admin")
                    user_id = await create_user(connection, admin, "faults")
                    token = await create_api_token(
                        connection, user_id=user_id, name="faults", actor="faults"
                    )
                    self._token = token.text
        finally:
            await engine.dispose()
        self.key_id = made.id
        return made.text

    def make_gateway(self, number: int) -> ServiceProcess:
        """Return a gateway process, not started; all share one listening socket."""
        return self._make(f"ingest-{number}", "services.ingest", self.plan.gateway_environment)

    def _make(self, name: str, module: str, environment: dict[str, str]) -> ServiceProcess:
        assert self._around is not None
        spec = ProcessSpec(name, module, self.port, self._listener, environment)
        return ServiceProcess(spec, self._around)

    def make_writer(self, number: int) -> ServiceProcess:
        """Return a writer process, not started."""
        assert self._around is not None
        name = f"writer-{number}"
        port = self._ports.take(name)
        environment = {"HEADWATER_LISTEN_PORT": str(port), **SLICING}
        spec = ProcessSpec(name, self.plan.writer_module, port, None, environment)
        return ServiceProcess(spec, self._around)

    async def ask_console(self, path: str) -> Answer | None:
        """Ask the query API as an admin; None where no answer came."""
        assert self.query is not None
        port = self.query.port
        connection = HttpConnection(lambda: port, timeout_s=10)
        try:
            return await connection.request(
                "GET", path, {"Authorization": f"Bearer {self._token}", "Connection": "close"}
            )
        except BrokenOff:
            return None
        finally:
            connection.close()

    def fault_ends(self) -> None:
        """Say that everything is healed from now on: recovery is timed from here."""
        self.fault_ended_at = time.monotonic()

    async def wait_for(self, what: str, predicate: Callable[[], Any], deadline: timedelta) -> bool:
        """Wait until something is true (functions may be async); note a problem when it is not."""
        until = time.monotonic() + deadline.total_seconds()
        while time.monotonic() < until:
            value = predicate()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return True
            await asyncio.sleep(0.2)
        self.problems.append(f"not within {deadline.total_seconds():.0f} s: {what}")
        return False

    async def sql(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Run one statement around all faults and return its rows."""
        connection = await db.connect(self.url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
            return rows
        finally:
            await connection.close()

    async def stopped_partitions(self) -> dict[int, str]:
        """Return the partitions that the writer stopped, with the reason."""
        connection = await db.connect(self.url)
        try:
            return await db.stopped_partitions(connection, self.topic.name)
        finally:
            await connection.close()

    async def adopt_topic(self) -> int:
        """Let stopped partitions go on, as `headwater topics adopt` does; return how many."""
        connection = await db.connect(self.url)
        try:
            async with self.servers.admin() as admin:
                plan = await plan_adoption(connection, admin, db.CONSUMER, self.topic.name)
                fence = Fence(db.CONSUMER, self.topic.name, await admin.cluster_id())
            if moved := await adopt(connection, fence, plan):
                self.problems.append(f"not adopted: {moved}")
        finally:
            await connection.close()
        return len(plan)

    def forgive(self, lost: Collection[UUID]) -> None:
        """Say which batches an operator's deletion took away."""
        self.allowance = replace(self.allowance, lost_batches=frozenset(lost))

    def new_uuid(self) -> UUID:
        """Return an id of the row's own chance."""
        return UUID(int=self.chance.getrandbits(128), version=4)

    async def stop_gateways(self) -> None:
        """Drain the gateways; anything but exit code 0 is a problem."""
        await self._stop_all(self.gateways)

    async def stop_writers(self) -> None:
        """Drain the writers; anything but exit code 0 is a problem."""
        await self._stop_all(self.writers)

    async def _stop_all(self, processes: list[ServiceProcess]) -> None:
        running = [process for process in processes if process.is_running]
        codes = await asyncio.gather(*(process.stop() for process in running))
        for process, code in zip(running, codes, strict=True):
            if code != 0:
                self.problems.append(f"{process.name} ended with {code} on SIGTERM")

    def count_slices_done(self) -> tuple[int, int]:
        """Return how many slices the writers sealed, and how many they merged into others."""
        lines = [line for writer in self.writers for line in writer.log_lines(of_all_starts=True)]
        sealed = sum(line.get("event") == "sealed" for line in lines)
        merged = sum(int(str(line["count"])) for line in lines if line.get("event") == "merged")
        return sealed, merged

    async def close(self) -> None:
        """End every process and remove database and topic."""
        for process in (*self.gateways, *self.writers, *([self.query] if self.query else [])):
            if process.is_running:
                process.thaw()
                await process.kill()
        if self._watch is not None:
            await self._watch.stop()
        if self._journal is not None:
            self._journal.__exit__()
        self._listener.close()
        self._query_listener.close()
        await self.servers.drop_database(self.database)
        async with self.servers.admin() as admin:
            await admin.delete(self.topic.name)
