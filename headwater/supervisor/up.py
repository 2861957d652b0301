"""Brings a whole home up, keeps it up until told to stop, and takes it down in reverse order."""

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import IO

from headwater.home import Home, State, write_state
from headwater.progress import Progress
from headwater.settings import StackSettings
from headwater.stack import KafkaOptions, LocalKafka, LocalPostgres, PortBook, end_leftovers
from headwater.stack.errors import StackError
from headwater.stack.kafka_jars import are_there, jar_folder
from headwater.supervisor.accounts import Secrets, ensure_accounts
from headwater.supervisor.logs import keep_small
from headwater.supervisor.options import UpOptions
from headwater.supervisor.parts import Part
from headwater.supervisor.self_check import Route, check_route
from headwater.supervisor.services import (
    Listeners,
    ServiceProcess,
    Surroundings,
    open_listener,
    service_table,
)
from headwater.supervisor.summary import ready_text, sentry_dsn
from headwater.supervisor.supervisor import Supervisor, run_together
from headwater.topics import TopicAdmin
from libs.common.db.migrate import upgrade
from libs.common.kafka.connection import connection_options
from libs.common.settings import KafkaSettings
from libs.common.telemetry.logs import get_logger
from libs.common.topics import TOPICS

log = get_logger(__name__)

LOOK = timedelta(seconds=1)
"""Between two looks whether the home is still there."""

DESCRIPTIONS = {
    "postgres": "PostgreSQL 18",
    "kafka": "Apache Kafka 4.3",
    "ingest": "takes events over HTTP and publishes them",
    "writer": "stores what was published",
    "query": "answers the console and its API",
}


async def run_stack(options: UpOptions, progress: Progress, stop: asyncio.Event) -> None:
    """Start everything, stay until `stop` is set, and stop everything.

    Raises HomeInUse at once where another supervisor owns the home, and StackError where a part
    does not come up or somebody deletes the home; what was started is stopped before.
    """
    home = Home(options.home)
    with home.lock() as held, contextlib.ExitStack() as cleanup:
        stack = _Stack(home, options, progress)
        cleanup.callback(stack.write_stopped)
        starting = asyncio.create_task(stack.start())
        stopping = asyncio.create_task(stop.wait())
        losing = asyncio.create_task(_lose_home(home, held))
        keeping = asyncio.create_task(keep_small(home.logs))
        tasks = (starting, stopping, losing, keeping)
        try:
            await asyncio.wait(tasks[:3], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await asyncio.wait((stopping, losing), return_when=asyncio.FIRST_COMPLETED)
            progress.say("Stopping ...")
            if losing.done():
                raise StackError(f"{home.path} was deleted while it ran: everything is stopped")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await stack.stop()
            progress.say("Stopped.")


async def _lose_home(home: Home, held: IO[str]) -> None:
    """Return once the home is no longer there, or another one in its place."""
    while True:
        await asyncio.sleep(LOOK.total_seconds())
        if not home.is_held_by(held):
            return


class _Stack:
    """Everything of one home, in the order of its start."""

    def __init__(self, home: Home, options: UpOptions, progress: Progress) -> None:
        self._home = home
        self._options = options
        self._progress = progress
        self._settings = StackSettings()
        self._supervisor = Supervisor(self._write_state)
        self._state = State(home=str(home.path))
        self._secrets = Secrets()
        self._is_up = False
        self._listeners: Listeners | None = None

    async def start(self) -> None:
        await self._clear_leftovers()
        # First of all: a port that is taken shows at once, and no server picks one of ours.
        self._open_listeners()
        await run_together(self._bring_up_database(), self._bring_up_kafka())
        await self._supervisor.start(self._services(), self._show)
        with self._progress.step("check", "posted an event and read it back"):
            await check_route(self._route())
        self._is_up = True
        self._write_state()
        self._progress.ready(ready_text(self._state))

    async def stop(self) -> None:
        self._is_up = False
        if self._listeners is not None:
            self._listeners.close()
        await self._supervisor.stop()
        # Also what a cancelled start had just begun and nobody owned yet.
        await end_leftovers(self._home.run)

    def write_stopped(self) -> None:
        self._state = replace(self._state, ready=False)
        self._write_state()

    async def _clear_leftovers(self) -> None:
        ended = await end_leftovers(self._home.run)
        if ended:
            log.warning("ended leftovers of a supervisor that was killed", parts=ended)
            self._progress.say(f"  Ended what an earlier run had left: {', '.join(sorted(ended))}")

    async def _bring_up_database(self) -> None:
        given = self._settings.database_url
        if given is not None:
            url = given.get_secret_value()
            self._progress.say("  Using the PostgreSQL of HEADWATER_DATABASE_URL")
        else:
            postgres = LocalPostgres(self._home.path)
            await self._supervisor.start([postgres], self._show)
            if postgres.opened:
                folders = ", ".join(map(str, postgres.opened))
                log.warning("PostgreSQL's own user may now enter", folders=folders)
                self._progress.say(f"  For PostgreSQL's own user, others may now enter {folders}")
            url = postgres.url()
        self._state = replace(self._state, database_url=url)
        with self._progress.step("schema", "database migrated"):
            await upgrade(url, eager_indexes=self._settings.eager_indexes)
            self._secrets = await ensure_accounts(self._home, url)
        self._state = replace(
            self._state,
            ingest_key=self._secrets.ingest_key,
            sentry_dsn=sentry_dsn(self._state.ingest_url, self._secrets.ingest_key),
            admin_email=self._secrets.admin_email,
            admin_password=self._secrets.admin_password,
            api_token=self._secrets.api_token,
        )

    async def _bring_up_kafka(self) -> None:
        bootstrap = self._settings.kafka_bootstrap
        if bootstrap is not None:
            self._progress.say("  Using the Kafka of HEADWATER_KAFKA_BOOTSTRAP")
        else:
            kafka = self._local_kafka()
            if are_there(jar_folder(self._settings.cache_folder)):
                await kafka.prepare()
            else:
                with self._progress.step("download", "Apache Kafka from Maven Central, 44 MB"):
                    await kafka.prepare()
            await self._supervisor.start(kafka.nodes, self._show)
            bootstrap = kafka.bootstrap
        self._state = replace(self._state, kafka_bootstrap=bootstrap)
        with self._progress.step("topics", "topics created"):
            connection = connection_options(KafkaSettings(bootstrap=bootstrap))
            async with TopicAdmin(connection) as admin:
                await admin.create(TOPICS)

    def _local_kafka(self) -> LocalKafka:
        count = self._broker_count()
        standard = KafkaOptions.standard(count)
        heap = self._settings.kafka_heap or standard.heap
        return LocalKafka(
            self._home.path,
            brokers=count,
            options=replace(standard, heap=heap),
            cache_folder=self._settings.cache_folder,
        )

    def _broker_count(self) -> int:
        # A cluster of another size would begin without what the topics hold. Its id is written
        # after the settings of all nodes: without one there is no cluster yet.
        folder = self._home.path / "kafka"
        there = (
            len(list(folder.glob("*/server.properties"))) if (folder / "cluster_id").exists() else 0
        )
        wanted = self._options.broker_count or there or 1
        if there not in (0, wanted):
            raise StackError(
                f"{self._home.path} has Kafka with --brokers {there}: "
                f"for {wanted} choose another --home"
            )
        return wanted

    def _show(self, part: Part) -> AbstractContextManager[None]:
        return self._progress.step(part.name, DESCRIPTIONS[part.name.partition("-")[0]])

    def _route(self) -> Route:
        return Route(
            self._state.ingest_url,
            self._secrets.own_ingest_key,
            self._state.console_url,
            self._secrets.api_token,
        )

    def _open_listeners(self) -> None:
        ports = PortBook(self._home.ports_file)
        wanted = self._options.port
        listeners = Listeners(
            ingest=open_listener(ports.take("ingest")),
            query=open_listener(wanted if wanted is not None else ports.take("query")),
        )
        self._listeners = listeners
        self._state = replace(
            self._state,
            console_url=f"http://127.0.0.1:{listeners.query_port}",
            ingest_url=f"http://127.0.0.1:{listeners.ingest_port}/api/v1/ingest/batches",
            otlp_endpoint=f"http://127.0.0.1:{listeners.ingest_port}/v1/logs",
        )

    def _services(self) -> Sequence[ServiceProcess]:
        if self._listeners is None:
            raise StackError("services need their sockets first")
        around = Surroundings(
            environment={
                "HEADWATER_DATABASE_URL": self._state.database_url,
                "HEADWATER_KAFKA_BOOTSTRAP": self._state.kafka_bootstrap,
                "HEADWATER_INSTALLATION_SECRET_FILE": str(self._home.ensure_installation_secret()),
            },
            listeners=self._listeners,
            writer_port=PortBook(self._home.ports_file).take("writer"),
            own_logs={
                "HEADWATER_SELF_LOGS_URL": self._state.ingest_url,
                "HEADWATER_SELF_LOGS_KEY": self._secrets.own_ingest_key,
            },
            gateway_count=self._options.gateway_count,
        )
        return [ServiceProcess(spec, self._home) for spec in service_table(around)]

    def _write_state(self) -> None:
        if not self._home.path.exists():
            return  # deleted: it shall not come back for a file that nobody looks for
        processes = self._supervisor.processes()
        ready = self._is_up and self._supervisor.is_ready
        write_state(
            self._home,
            replace(self._state, ready=ready, processes=processes),
        )
