"""Our own services as real processes, one command line each, with nothing inherited by accident."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from headwater.stack.process import Child, Command
from headwater.supervisor.services import http_status

START_DEADLINE = timedelta(seconds=60)
STOP_DEADLINE = timedelta(seconds=30)


@dataclass(frozen=True)
class Surroundings:
    """What every process of one run is given."""

    folder: Path
    run_folder: Path
    """Where the processes' records lie: the next run ends what this one left."""
    environment: Mapping[str, str]


@dataclass(frozen=True)
class ProcessSpec:
    """How one process is started."""

    name: str
    module: str
    port: int
    listener: socket.socket | None = None
    """The socket of that port where we keep it open while the process restarts."""
    environment: Mapping[str, str] = field(default_factory=dict)


class ServiceProcess:
    """One process of a service: started, broken, ended."""

    def __init__(self, spec: ProcessSpec, around: Surroundings) -> None:
        self.spec = spec
        self.log = around.folder / "logs" / f"{spec.name}.log"
        self._around = around
        self._log_start = 0
        self.child = Child(spec.name, around.run_folder)

    @property
    def name(self) -> str:
        """Return the process' name."""
        return self.spec.name

    @property
    def port(self) -> int:
        """Return its HTTP port."""
        return self.spec.port

    @property
    def is_running(self) -> bool:
        """Say whether the process is there, frozen or not."""
        return self.child.is_running

    def launch(self, **extra: str) -> None:
        """Start the process and return at once; `extra` adds to its environment this time."""
        listener = self.spec.listener
        inherited = () if listener is None else (listener.fileno(),)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **self._around.environment,
            **self.spec.environment,
            **extra,
        }
        if listener is not None:
            environment["HEADWATER_LISTEN_FD"] = str(listener.fileno())
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self.child.start(
            Command(
                (sys.executable, "-m", self.spec.module),
                self.log,
                environment,
                inherited_fds=inherited,
            )
        )

    async def start(self, **extra: str) -> None:
        """Start the process and wait until it says that it is ready."""
        self.launch(**extra)
        await self.wait_ready()

    async def wait_ready(self, deadline: timedelta = START_DEADLINE) -> None:
        """Wait until this very process listens and its port says ready."""
        until = time.monotonic() + deadline.total_seconds()
        while not (self._listens() and await http_status(self.port, "/readyz") == 200):
            if not self.is_running:
                raise RuntimeError(f"{self.name} ended while it started: {self.last_lines()}")
            if time.monotonic() > until:
                raise TimeoutError(f"{self.name} is not ready: {self.last_lines()}")
            await asyncio.sleep(0.1)

    def _listens(self) -> bool:
        # Several gateways share a socket: only its own log tells that this one is there.
        return any(line.get("event") == "listening" for line in self.log_lines())

    def log_lines(self, *, of_all_starts: bool = False) -> list[dict[str, object]]:
        """Return what the process logged since it was started last, or ever."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(0 if of_all_starts else self._log_start)
            return [json.loads(line) for line in log.read().splitlines() if line.startswith(b"{")]

    def last_lines(self) -> str:
        """Return the end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def rss_bytes(self) -> int:
        """Return its resident memory."""
        pid = self.child.pid
        if pid is None:
            return 0
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def stop(self) -> int | None:
        """Let it drain and return its exit code; None where it had to be killed."""
        if not self.is_running:
            return self.child.exit_code
        if await self.child.stop(STOP_DEADLINE):
            return self.child.exit_code
        return None

    async def kill(self) -> None:
        """End it with SIGKILL."""
        await self.child.kill()

    def freeze(self) -> None:
        """Stop it with SIGSTOP."""
        self.child.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self.child.thaw()
