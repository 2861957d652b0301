"""Rows 18 to 20 and 22: the writer."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.faults.poison import PoisonProducer
from tests.faults.processes import ServiceProcess
from tests.faults.runner import Row
from tests.faults.scene import Scene

SESSION_SECONDS = 6


FAILPOINTS = ("before_commit:kill", "after_commit:kill")


async def die_around_commit(scene: Scene, failpoints: Sequence[str] = FAILPOINTS * 2) -> None:
    """Let a writer die by its failpoints: between COPY and COMMIT, and right after COMMIT."""
    for failpoint in failpoints:
        writer = scene.writers[0]
        await writer.stop()
        writer.launch(HEADWATER_WRITER_FAILPOINT=failpoint)
        died = await scene.wait_for(
            f"the writer dies at {failpoint}",
            lambda dying=writer: not dying.is_running,  # type: ignore[misc]  # bound early
            timedelta(seconds=40),
        )
        if not died:
            await writer.stop()
        await writer.start()
        await asyncio.sleep(1)
    scene.fault_ends()


async def become_zombie(scene: Scene) -> None:
    """Freeze each writer beyond its session, with records in hand or inside a transaction.

    The other one takes over; then the zombie goes on with what it has in hand.
    """
    failpoints = ("after_commit:freeze:20", "before_commit:freeze:20")
    for zombie, failpoint in zip(scene.writers, failpoints, strict=True):
        await zombie.stop()
        # freezes itself, the second one with its locks held and its rows copied
        zombie.launch(HEADWATER_WRITER_FAILPOINT=failpoint)
        await scene.wait_for(
            f"the writer freezes at {failpoint}",
            partial(is_frozen, zombie),
            timedelta(seconds=40),
        )
        await asyncio.sleep(SESSION_SECONDS * 3)
        zombie.thaw()
        await asyncio.sleep(6)
    scene.fault_ends()
    if not all(writer.is_running for writer in scene.writers):
        scene.problems.append("a zombie did not survive: it has to rejoin by itself")
    fenced = sum(
        line.get("event") == "another instance has moved on"
        for writer in scene.writers
        for line in writer.log_lines()
    )
    scene.notes.append(f"the fence refused {fenced} transactions")


def is_frozen(process: ServiceProcess) -> bool:
    """Say whether a process was stopped by a signal."""
    stat = Path(f"/proc/{process.child.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"


async def churn(scene: Scene) -> None:
    """Go from 2 to 3 to 1 writers every 10 s, by SIGTERM and by SIGKILL."""
    third = scene.make_writer(3)
    scene.writers.append(third)
    for turn in range(2):
        await third.start()
        await asyncio.sleep(10)
        for leaving in (scene.writers[turn], third):
            await _end(leaving, by_kill=turn == 1)
        await asyncio.sleep(10)
        await scene.writers[turn].start()
        await asyncio.sleep(5)
    scene.fault_ends()


async def _end(writer: ServiceProcess, *, by_kill: bool) -> None:
    if by_kill:
        await writer.kill()
    else:
        await writer.stop()


async def swallow_poison(scene: Scene) -> None:
    """Rows that PostgreSQL refuses, one in a thousand, put past the gateway."""
    async with PoisonProducer(scene) as producer:
        clean_s = await producer.drain(batch_count=300, poison_every=0)
        poison_s = await producer.drain(batch_count=300, poison_every=10)
    scene.fault_ends()
    scene.allowance = producer.allowance
    scene.notes.append(
        f"30,000 events drained in {clean_s:.1f} s clean, in {poison_s:.1f} s with "
        f"{producer.allowance.dead_letter_count} poison rows"
    )
    if poison_s > 2 * clean_s + 1:
        scene.problems.append(f"poison made the writer slow: {poison_s:.1f} s, not {clean_s:.1f}")


ROWS = (
    Row("18", "Writer", "kill -9 between COPY and COMMIT, and right after COMMIT, twice each",
        "exactly once", die_around_commit, timedelta(seconds=30)),
    Row("19", "Writer", "SIGSTOP for 18 s, right after and inside a transaction, CONT as a zombie",
        "fenced, rolled back, rejoins", become_zombie, timedelta(seconds=60)),
    Row("20", "Writer", "2 to 3 to 1 instances every 10 s, by SIGTERM and SIGKILL",
        "exactly once, lag returns to 0", churn, timedelta(seconds=60)),
    Row("22", "Writer", "poison rows, one in a thousand",
        "dead-lettered once, all others stored, more than half as fast", swallow_poison,
        timedelta(seconds=10)),
)  # fmt: skip
