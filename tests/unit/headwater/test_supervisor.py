"""The supervisor: order, restarts with growing delays, and an end in reverse."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import pytest

from headwater.stack.errors import StackError
from headwater.supervisor.parts import Part
from headwater.supervisor.supervisor import Pace, Supervisor, restart_delay

QUICK = Pace(
    look=timedelta(milliseconds=1),
    probe=timedelta(milliseconds=1),
    first_delay=timedelta(milliseconds=1),
    longest_delay=timedelta(milliseconds=4),
)


class FakePart:
    def __init__(self, name: str, journal: list[str], *, fails: bool = False) -> None:
        self.name = name
        self.pid: int | None = None
        self.fails = fails
        self.answers = True
        self._journal = journal
        self._next_pid = 1

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    async def start(self) -> None:
        await asyncio.sleep(0)
        if self.fails:
            raise StackError(f"{self.name} failed")
        self.pid, self._next_pid = self._next_pid, self._next_pid + 1
        self._journal.append(f"start {self.name}")

    async def is_ready(self) -> bool:
        return self.is_running and self.answers

    async def stop(self) -> bool:
        self.pid = None
        self._journal.append(f"stop {self.name}")
        return True

    async def kill(self) -> None:
        self.pid = None


def show(_: Part) -> AbstractContextManager[None]:
    return nullcontext()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what it waits for knows no events
            await asyncio.sleep(0.001)


async def test_stops_in_reverse_order() -> None:
    journal: list[str] = []
    supervisor = Supervisor(lambda: None, QUICK)
    await supervisor.start([FakePart("kafka", journal)], show)
    await supervisor.start([FakePart("writer", journal)], show)
    assert supervisor.is_ready
    await supervisor.stop()
    assert journal == ["start kafka", "start writer", "stop writer", "stop kafka"]


async def test_a_part_that_ends_comes_back() -> None:
    changes: list[bool] = []
    part = FakePart("writer", [])
    supervisor = Supervisor(lambda: changes.append(supervisor.is_ready), QUICK)
    await supervisor.start([part], show)
    await part.kill()
    await until(lambda: part.is_running and supervisor.is_ready)
    assert supervisor.processes()["writer"].restarts == 1
    assert supervisor.processes()["writer"].pid == 2
    assert False in changes
    await supervisor.stop()


async def test_a_restart_that_fails_is_tried_again() -> None:
    part = FakePart("writer", [])
    supervisor = Supervisor(lambda: None, QUICK)
    await supervisor.start([part], show)
    part.fails = True
    await part.kill()
    await until(lambda: supervisor.processes()["writer"].restarts >= 3)
    part.fails = False
    await until(lambda: supervisor.is_ready)
    await supervisor.stop()


async def test_a_part_that_does_not_answer_is_not_ready() -> None:
    part = FakePart("writer", [])
    supervisor = Supervisor(lambda: None, QUICK)
    await supervisor.start([part], show)
    part.answers = False
    await until(lambda: not supervisor.is_ready)
    assert supervisor.processes()["writer"].restarts == 0
    await supervisor.stop()


async def test_a_failed_start_raises_and_stop_ends_the_others() -> None:
    journal: list[str] = []
    supervisor = Supervisor(lambda: None, QUICK)
    await supervisor.start([FakePart("kafka", journal)], show)
    with pytest.raises(StackError, match="writer failed"):
        await supervisor.start([FakePart("writer", journal, fails=True)], show)
    await supervisor.stop()
    assert journal == ["start kafka", "stop kafka"]


async def test_a_full_disk_does_not_end_the_supervisor() -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    part = FakePart("writer", [])
    supervisor = Supervisor(full, QUICK)
    await supervisor.start([part], show)
    await part.kill()
    await until(lambda: supervisor.is_ready)
    await supervisor.stop()


def test_delays_grow_beyond_a_consumers_session() -> None:
    delays = [restart_delay(number, Pace()).total_seconds() for number in range(1, 20)]
    assert delays == sorted(delays)
    assert delays[0] < 1
    assert delays[3] > 6
    assert max(delays) == 30
