"""Keeps parts running: watches them, restarts what ended, and stops them in reverse order."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from headwater.home import ProcessState
from headwater.stack.errors import StackError
from headwater.supervisor.parts import Part
from headwater.supervisor.services import ServiceProcess
from libs.common.telemetry.logs import get_logger

log = get_logger(__name__)

Show = Callable[[Part], AbstractContextManager[None]]


@dataclass(frozen=True)
class Pace:
    """How quickly the supervisor looks and acts."""

    look: timedelta = timedelta(seconds=0.1)
    probe: timedelta = timedelta(seconds=1)
    first_delay: timedelta = timedelta(seconds=0.2)
    # A consumer group waits 6 s for a member that was killed, and every join starts it again: a
    # part that keeps ending must come back more slowly than that.
    longest_delay: timedelta = timedelta(seconds=30)
    stable: timedelta = timedelta(seconds=60)
    """After running this long, an end counts as the first again."""
    stuck: timedelta = timedelta(seconds=30)
    """A service that says nothing on `/healthz` for this long is killed."""


def restart_delay(failure_count: int, pace: Pace) -> timedelta:
    """Return how long to wait after the n-th end in a row, counted from 1."""
    doubled = pace.first_delay.total_seconds() * 4.0 ** min(failure_count - 1, 10)
    return min(timedelta(seconds=doubled), pace.longest_delay)


async def run_together(*work: Coroutine[Any, Any, None]) -> None:
    """Return when all is done; when one fails, end the others first and then raise its error."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Supervisor:
    """Owns the parts from their first start to their end."""

    def __init__(self, on_change: Callable[[], None], pace: Pace | None = None) -> None:
        self._on_change = on_change
        self._pace = pace or Pace()
        self._parts: list[Part] = []
        self._tiers: list[Sequence[Part]] = []
        self._restarts: dict[str, int] = {}
        self._ready: dict[str, bool] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_ready(self) -> bool:
        """Say whether all parts were ready when they were last asked."""
        return bool(self._parts) and all(self._ready.values())

    def processes(self) -> dict[str, ProcessState]:
        """Return every part's state by name."""
        return {
            part.name: ProcessState(part.pid, self._ready[part.name], self._restarts[part.name])
            for part in self._parts
        }

    async def start(self, parts: Sequence[Part], show: Show) -> None:
        """Start parts at the same time, wait until all are ready, and look after them from then on.

        `show` is entered for each start. Raises the error of the part that failed first; `stop`
        ends the others.
        """
        self._tiers.append(parts)
        self._parts.extend(parts)
        self._restarts.update({part.name: 0 for part in parts})
        self._ready.update({part.name: False for part in parts})
        await run_together(*(self._start_part(part, show) for part in parts))
        for part in parts:
            self._tasks.append(asyncio.create_task(self._keep_running(part)))
            self._tasks.append(asyncio.create_task(self._keep_asking(part)))

    async def _start_part(self, part: Part, show: Show) -> None:
        with show(part):
            await part.start()
        self._note(part, ready=True)

    async def stop(self) -> None:
        """Stop what was started, the last first; each part has its own deadline."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for tier in reversed(self._tiers):
            await asyncio.gather(*(self._stop_part(part) for part in tier if part.is_running))
        self._tiers.clear()

    async def _stop_part(self, part: Part) -> None:
        began = time.monotonic()
        self._note(part, ready=False)
        by_itself = await part.stop()
        seconds = round(time.monotonic() - began, 2)
        log.info("stopped", part=part.name, by_itself=by_itself, seconds=seconds)
        self._tell()

    async def _keep_running(self, part: Part) -> None:
        failure_count, began = 0, time.monotonic()
        while True:
            await asyncio.sleep(self._pace.look.total_seconds())
            if part.is_running:
                continue
            if time.monotonic() - began > self._pace.stable.total_seconds():
                failure_count = 0
            failure_count += 1
            delay = restart_delay(failure_count, self._pace)
            log.warning("ended", part=part.name, restart_in_seconds=delay.total_seconds())
            self._restarts[part.name] += 1
            self._note(part, ready=False)
            await asyncio.sleep(delay.total_seconds())
            began = time.monotonic()
            try:
                await part.start()
            except StackError as error:
                log.error("not ready after its restart", part=part.name, reason=str(error))
            else:
                log.info("restarted", part=part.name, pid=part.pid)
                self._note(part, ready=True)

    async def _keep_asking(self, part: Part) -> None:
        healthy_at = time.monotonic()
        while True:
            await asyncio.sleep(self._pace.probe.total_seconds())
            pid = part.pid
            ready = await part.is_ready()
            if pid != part.pid:
                continue  # The answer was another process'.
            self._note(part, ready=ready)
            if ready or pid is None or not isinstance(part, ServiceProcess):
                healthy_at = time.monotonic()
                continue
            if await part.is_healthy():
                healthy_at = time.monotonic()
            elif time.monotonic() - healthy_at > self._pace.stuck.total_seconds():
                log.error("makes no progress, killing it", part=part.name)
                healthy_at = time.monotonic()
                await part.kill()

    def _note(self, part: Part, *, ready: bool) -> None:
        if self._ready[part.name] != ready or not ready:
            self._ready[part.name] = ready
            self._tell()

    def _tell(self) -> None:
        with suppress(OSError):  # A full disk must not end the supervisor, nor keep it from ending.
            self._on_change()
