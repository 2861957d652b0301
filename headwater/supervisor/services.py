"""Our own services as parts: the table of them, and how one is started and asked."""

import asyncio
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

from headwater.home import Home
from headwater.settings import inherited_environment
from headwater.stack.errors import StackError, StepFailed
from headwater.stack.process import Child, Command

START_DEADLINE = timedelta(seconds=60)
STOP_DEADLINE = timedelta(seconds=20)
PROBE_DEADLINE = timedelta(seconds=3)
LISTEN_BACKLOG_COUNT = 2048


@dataclass(frozen=True)
class ServiceSpec:
    """How one process of a service is started."""

    name: str
    service: str
    port: int
    """Where it answers `/readyz` and `/healthz`."""
    environment: Mapping[str, str]
    listener: socket.socket | None = field(default=None, compare=False)
    """A listening socket of ours that it inherits."""


@dataclass(frozen=True)
class Listeners:
    """The sockets that the supervisor keeps open while services come and go.

    Connections wait in the socket's queue while a service restarts; none is refused.
    """

    ingest: socket.socket
    query: socket.socket

    @property
    def ingest_port(self) -> int:
        """Port that events are posted to."""
        return int(self.ingest.getsockname()[1])

    @property
    def query_port(self) -> int:
        """Port of the console and its API."""
        return int(self.query.getsockname()[1])

    def close(self) -> None:
        """Take no new connections; those that a service took go on."""
        self.ingest.close()
        self.query.close()


@dataclass(frozen=True)
class Surroundings:
    """What all services of a home are given."""

    environment: Mapping[str, str]
    listeners: Listeners
    writer_port: int
    own_logs: Mapping[str, str] = field(default_factory=dict)
    """Where services send their own warnings; never given to the gateway."""
    gateway_count: int = 1


def service_table(around: Surroundings) -> list[ServiceSpec]:
    """Return every process of our services: one line for each that is not counted."""
    listeners = around.listeners
    return [
        ServiceSpec(
            "writer",
            "writer",
            around.writer_port,
            {
                **around.environment,
                **around.own_logs,
                "HEADWATER_LISTEN_PORT": str(around.writer_port),
            },
        ),
        ServiceSpec(
            "query",
            "query",
            listeners.query_port,
            {
                **around.environment,
                **around.own_logs,
                "HEADWATER_INGEST_INTERNAL_URL": f"http://127.0.0.1:{listeners.ingest_port}",
            },
            listeners.query,
        ),
        *(_gateway(around, number) for number in range(1, around.gateway_count + 1)),
    ]


def _gateway(around: Surroundings, number: int) -> ServiceSpec:
    name = "ingest" if around.gateway_count == 1 else f"ingest-{number}"
    return ServiceSpec(
        name,
        "ingest",
        around.listeners.ingest_port,
        {**around.environment, "HEADWATER_INSTANCE": name},
        around.listeners.ingest,
    )


class ServiceProcess:
    """One process of one of our services."""

    def __init__(self, spec: ServiceSpec, home: Home) -> None:
        self.spec = spec
        self.log = home.logs / f"{spec.name}.log"
        self.child = Child(spec.name, home.run)

    @property
    def name(self) -> str:
        """Return the process' name."""
        return self.spec.name

    @property
    def pid(self) -> int | None:
        """Return the pid while it runs."""
        return self.child.pid

    @property
    def is_running(self) -> bool:
        """Say whether the process is there."""
        return self.child.is_running

    async def start(self) -> None:
        """Start the process and wait until it says that it is ready."""
        environment = {**inherited_environment(), **self.spec.environment}
        inherited: tuple[int, ...] = ()
        if self.spec.listener is not None:
            fd = self.spec.listener.fileno()
            environment["HEADWATER_LISTEN_FD"] = str(fd)
            inherited = (fd,)
        argv = (sys.executable, "-m", f"services.{self.spec.service}")
        command = Command(argv, self.log, environment, inherited_fds=inherited)
        self.child.start(command)
        until = time.monotonic() + START_DEADLINE.total_seconds()
        while not await self.is_ready():
            if not self.is_running:
                raise StepFailed(f"{self.name} ended while it started", self.log)
            if time.monotonic() >= until:
                raise StepFailed(f"{self.name} is not ready after {START_DEADLINE}", self.log)
            await asyncio.sleep(0.1)

    async def is_ready(self) -> bool:
        """Ask `/readyz`."""
        return self.is_running and await http_status(self.spec.port, "/readyz") == HTTPStatus.OK

    async def is_healthy(self) -> bool:
        """Ask `/healthz`: False for a process that is there and makes no progress."""
        return await http_status(self.spec.port, "/healthz") == HTTPStatus.OK

    async def stop(self) -> bool:
        """Let it drain; kill it after its deadline."""
        return await self.child.stop(STOP_DEADLINE)

    async def kill(self) -> None:
        """End it with SIGKILL."""
        await self.child.kill()


async def http_status(port: int, path: str) -> int | None:
    """Ask for a page on loopback over a new connection; None where no answer comes in time."""
    try:
        async with asyncio.timeout(PROBE_DEADLINE.total_seconds()):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                status_line = await reader.readline()
            finally:
                writer.close()
        return int(status_line.split()[1])
    except (OSError, TimeoutError, IndexError, ValueError):
        return None


def open_listener(port: int) -> socket.socket:
    """Open a listening socket on loopback for services to inherit."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise StackError(f"port {port} is taken: choose another with --port") from error
    listener.listen(LISTEN_BACKLOG_COUNT)
    return listener
