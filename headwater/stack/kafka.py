"""A local Apache Kafka of one or more nodes, each broker and controller in one process."""

import asyncio
import base64
import os
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from headwater.settings import user_cache_folder
from headwater.stack.errors import StepFailed
from headwater.stack.folders import make_private
from headwater.stack.java import find_java
from headwater.stack.kafka_config import (
    LOG4J,
    KafkaOptions,
    NodeAddress,
    java_flags,
    server_properties,
)
from headwater.stack.kafka_jars import fetch_jars
from headwater.stack.ports import PortBook, accepts_connections
from headwater.stack.process import Child, Command

__all__ = ["KafkaNode", "KafkaOptions", "LocalKafka"]

START_DEADLINE = timedelta(seconds=60)
STOP_DEADLINE = timedelta(seconds=15)
# The last nodes of a cluster have no quorum for a controlled shutdown and would wait for ever.
STOP_DEADLINE_OF_MANY = timedelta(seconds=4)
READY_LINE = b"Kafka Server started"


class KafkaNode:
    """One node of the cluster; keeps its ports over restarts."""

    def __init__(
        self, address: NodeAddress, folder: Path, child: Child, stop_deadline: timedelta
    ) -> None:
        self.address = address
        self.stop_deadline = stop_deadline
        self.log = folder.parent.parent / "logs" / f"{child.name}.log"
        self.child = child
        self.properties = folder / "server.properties"
        self.data = folder / "data"
        self._command: Command | None = None
        self._log_start = 0

    @property
    def node_id(self) -> int:
        """Return the node's id, counted from 1."""
        return self.address.node_id

    @property
    def name(self) -> str:
        """Return the process' name."""
        return self.child.name

    @property
    def pid(self) -> int | None:
        """Return the pid while the node runs."""
        return self.child.pid

    @property
    def is_running(self) -> bool:
        """Say whether the process is there."""
        return self.child.is_running

    @property
    def address_text(self) -> str:
        """Return host:port of the broker."""
        return f"127.0.0.1:{self.address.broker_port}"

    async def prepare(self, java: Path, class_path: str, options: KafkaOptions) -> None:
        """Give the node what `launch` needs."""
        log4j = self.properties.with_name("log4j2.properties")
        await asyncio.to_thread(log4j.write_text, LOG4J)
        self._command = Command(
            argv=(
                str(java),
                *java_flags(options),
                f"-Dlog4j2.configurationFile={log4j}",
                "-cp",
                class_path,
                "kafka.Kafka",
                str(self.properties),
            ),
            log=self.log,
            environment=_environment(),
            is_server=True,
        )

    async def format(self, cluster_id: str) -> None:
        """Prepare an empty data folder; one that is in use stays as it is."""
        if (self.data / "meta.properties").exists():
            return
        assert self._command is not None  # noqa: S101 - prepared by the cluster
        argv = list(self._command.argv[: self._command.argv.index("kafka.Kafka")])
        argv += ["kafka.tools.StorageTool", "format", "-t", cluster_id]
        formatting = Child(f"{self.name}-format", self.child.run_folder)
        formatting.start(
            Command((*argv, "-c", str(self.properties)), self.log, environment=_environment())
        )
        try:
            await formatting.wait(START_DEADLINE)
        finally:
            await formatting.kill()
        if formatting.exit_code != 0:
            raise StepFailed(f"{self.name}: its data folder could not be prepared", self.log)

    async def launch(self) -> None:
        """Start the process and return at once."""
        assert self._command is not None  # noqa: S101 - prepared by the cluster
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self.child.start(self._command)

    async def wait_ready(self, deadline: timedelta = START_DEADLINE) -> None:
        """Wait until the node serves; raises StepFailed when it ends or takes too long."""
        until = time.monotonic() + deadline.total_seconds()
        while not await asyncio.to_thread(self._said_ready):
            if not self.is_running:
                raise StepFailed(f"{self.name} ended while it started", self.log)
            if time.monotonic() >= until:
                raise StepFailed(f"{self.name} did not start within {deadline}", self.log)
            await asyncio.sleep(0.05)

    def _said_ready(self) -> bool:
        # A started broker listens before it is registered; only its log tells when both are done.
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return READY_LINE in log.read()

    async def start(self) -> None:
        """Start the node (again) and wait until it serves."""
        await self.launch()
        await self.wait_ready()

    async def is_ready(self) -> bool:
        """Say whether the broker takes connections."""
        return self.is_running and await accepts_connections(self.address.broker_port)

    async def stop(self) -> bool:
        """Stop the node; kill it after its deadline. True if it ended by itself."""
        return await self.child.stop(self.stop_deadline)

    async def kill(self) -> None:
        """End the node with SIGKILL."""
        await self.child.kill()

    def freeze(self) -> None:
        """Stop the node with SIGSTOP: the others see it only by its silence."""
        self.child.freeze()

    def thaw(self) -> None:
        """Let a frozen node go on."""
        self.child.thaw()


class LocalKafka:
    """A cluster in a folder: with three nodes, three replicas of which two must have a record."""

    def __init__(
        self,
        home: Path,
        *,
        brokers: int = 1,
        options: KafkaOptions | None = None,
        cache_folder: Path | None = None,
    ) -> None:
        self.home = home
        self.options = options or KafkaOptions.standard(brokers)
        self._cache_folder = cache_folder or user_cache_folder()
        ports = PortBook(home / "ports.json")
        names = ["kafka"] if brokers == 1 else [f"kafka-{n}" for n in range(1, brokers + 1)]
        self.nodes: Sequence[KafkaNode] = [
            KafkaNode(
                NodeAddress(number, ports.take(name), ports.take(f"{name}-controller")),
                home / "kafka" / name,
                Child(name, home / "run"),
                STOP_DEADLINE if brokers == 1 else STOP_DEADLINE_OF_MANY,
            )
            for number, name in enumerate(names, start=1)
        ]

    @property
    def bootstrap(self) -> str:
        """Return host:port of all brokers, as clients take it."""
        return ",".join(node.address_text for node in self.nodes)

    @property
    def is_running(self) -> bool:
        """Say whether every node is there."""
        return all(node.is_running for node in self.nodes)

    def node(self, node_id: int) -> KafkaNode:
        """Return a node by its id, counted from 1."""
        return self.nodes[node_id - 1]

    async def prepare(self) -> None:
        """Fetch the jars, write the settings and format new data folders."""
        jars, java = await asyncio.gather(
            fetch_jars(self._cache_folder, self.home), asyncio.to_thread(find_java)
        )
        class_path = os.pathsep.join(map(str, jars))
        everyone = [node.address for node in self.nodes]
        make_private(self.home / "kafka")
        for node in self.nodes:
            node.properties.parent.mkdir(parents=True, exist_ok=True)
            node.properties.write_text(
                server_properties(node.address, everyone, node.data, self.options)
            )
            await node.prepare(java, class_path, self.options)
        cluster_id = await asyncio.to_thread(self._cluster_id)
        await asyncio.gather(*(node.format(cluster_id) for node in self.nodes))

    def _cluster_id(self) -> str:
        path = self.home / "kafka" / "cluster_id"
        if not path.exists():
            fresh = path.with_name("cluster_id.new")
            fresh.write_text(new_cluster_id())
            fresh.replace(path)
        return path.read_text()

    async def start(self) -> None:
        """Start all nodes at once and wait until all serve."""
        await self.prepare()
        for node in self.nodes:
            await node.launch()
        await asyncio.gather(*(node.wait_ready() for node in self.nodes))

    async def stop(self) -> None:
        """Stop all nodes at once."""
        await asyncio.gather(*(node.stop() for node in self.nodes if node.is_running))

    async def kill(self) -> None:
        """End all nodes with SIGKILL."""
        await asyncio.gather(*(node.kill() for node in self.nodes if node.is_running))


def new_cluster_id() -> str:
    """Return a random id in Kafka's form: the 16 bytes of a UUID as base64."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # Kafka's own tools would take it for an option.
        if not made.startswith("-"):
            return made


def _environment() -> dict[str, str]:
    # Nothing of ours: Kafka reads KAFKA_* and Java JAVA_TOOL_OPTIONS from the environment.
    return {"PATH": os.defpath, "LANG": "C.UTF-8"}
