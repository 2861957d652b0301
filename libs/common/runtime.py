"""How a process runs: its event loop, the signals that stop it, its progress, its HTTP server."""

import asyncio
import contextlib
import functools
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import uvicorn
import uvloop
from starlette.types import ASGIApp

from libs.common.clock import Clock
from libs.common.http.connections import (
    BoundedConnection,
    ConnectionFaults,
    HeadLimits,
    end_overdue,
)
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.metrics import Metrics

log = get_logger(__name__)


def run_process(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stop)` until it returns; SIGTERM and SIGINT set `stop`, and `main` then drains."""

    # What is loaded by now stays: the collector need not walk it again, nor run after every few
    # hundred of the thousands of short-lived objects that a batch is made of.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await main(stop)

    uvloop.run(run())


class LoopWatch:
    """What `/healthz` asks: every watched loop must have reported progress lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: dict[str, tuple[float, float]] = {}

    def beat(self, loop: str, limit: timedelta = timedelta(seconds=60)) -> None:
        """Report progress of a loop, and how long until the next report at the most."""
        self._beats[loop] = (self._clock.monotonic(), limit.total_seconds())

    def forget(self, loop: str) -> None:
        """Stop watching a loop that ended as it should."""
        self._beats.pop(loop, None)

    def problems(self) -> dict[str, str]:
        """Return the loops that are overdue, with how long they have been silent."""
        now = self._clock.monotonic()
        return {
            loop: f"no progress for {now - at:.0f} s"
            for loop, (at, limit) in self._beats.items()
            if now - at > limit
        }


@dataclass(frozen=True)
class Listen:
    """Where a process listens: an inherited socket, or a host and port (0 = any free one)."""

    host: str
    port: int
    fd: int | None = None

    def open(self) -> socket.socket:
        """Return the listening socket; raises OSError where the address is taken."""
        if self.fd is not None:
            inherited = socket.socket(fileno=self.fd)
            inherited.setblocking(False)
            return inherited
        made = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((self.host, self.port))
        made.listen(2048)
        made.setblocking(False)
        return made


LAST_REQUESTS = timedelta(seconds=0.3)
_TICK = timedelta(seconds=0.1)
"""How often uvicorn calls `on_tick`."""


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, limits: HeadLimits, faults: ConnectionFaults
    ) -> None:
        super().__init__(config)
        self._look_ticks = max(1, limits.time // (4 * _TICK))
        self._faults = faults

    async def on_tick(self, counter: int) -> bool:
        if counter % self._look_ticks == 0:
            end_overdue(self.server_state.connections, asyncio.get_running_loop().time())
            self._faults.tell()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn closes every connection without a running request at once: also those that were
        # accepted a moment ago, whose request is still on its way and would be reset.
        for server in self.servers:
            server.close()
        closing = (b"connection", b"close")
        self.server_state.default_headers = [*self.server_state.default_headers, closing]
        if self.server_state.connections:
            await asyncio.sleep(LAST_REQUESTS.total_seconds())
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # signals belong to run_process: the process drains first and closes its server then
        yield


class HttpServer:
    """Serves an ASGI app in the running loop, from `start` to `drain`."""

    def __init__(
        self,
        app: ASGIApp,
        listen: Listen,
        grace: timedelta,
        metrics: Metrics | None = None,
        limits: HeadLimits | None = None,
    ) -> None:
        self._socket = listen.open()
        limits, faults = limits or HeadLimits(), ConnectionFaults(metrics)
        connection = functools.partial(BoundedConnection, limits, faults)
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                loop="uvloop",
                http=cast(type[asyncio.Protocol], connection),
                ws="none",
                backlog=2048,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=int(grace.total_seconds()),
            ),
            limits,
            faults,
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Return once connections are served; raises what the server raised instead."""
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="http")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the HTTP server ended at once")
            await asyncio.sleep(0.005)
        log.info("listening", port=self.port)

    async def drain(self) -> None:
        """Take no more connections, let running requests end within the grace time, return.

        Requests that arrive a moment later on open connections are answered as the last there.
        """
        self._server.should_exit = True
        if self._task is not None:
            await self._task
