"""Rows S, M and Z: the writer ends, or stands still, while it seals and merges."""

import asyncio
from datetime import timedelta
from functools import partial

from services.writer.store.failpoints import MERGING_STEPS, SEALING_STEPS
from tests.faults.processes import ServiceProcess
from tests.faults.rows.writer import SESSION_SECONDS, is_frozen
from tests.faults.runner import Row
from tests.faults.scene import Scene

REACHED_WITHIN = timedelta(seconds=60)


async def die_while_sealing(scene: Scene) -> None:
    """Kill the writer that seals, at each step."""
    for step in SEALING_STEPS:
        await _die_at(scene, step)
    scene.fault_ends()


async def die_while_merging(scene: Scene) -> None:
    """Kill the writer that merges, at each step."""
    for step in MERGING_STEPS:
        await _die_at(scene, step)
    scene.fault_ends()


async def stand_still_with_locks(scene: Scene) -> None:
    """Freeze the slicer while it builds, and in the swap with the whole table locked."""
    for step in ("seal_built", "merge_swapping"):
        zombie = await _let_seal(scene, f"{step}:freeze")
        await scene.wait_for(
            f"the writer freezes at {step}", partial(is_frozen, zombie), REACHED_WITHIN
        )
        await asyncio.sleep(SESSION_SECONDS * 3)
        zombie.thaw()
        await asyncio.sleep(3)
    scene.fault_ends()
    if not all(writer.is_running for writer in scene.writers):
        scene.problems.append("a zombie did not survive: it has to seal again by itself")


async def _die_at(scene: Scene, step: str) -> None:
    writer = await _let_seal(scene, f"{step}:kill")
    died = await scene.wait_for(
        f"the writer dies at {step}", lambda: not writer.is_running, REACHED_WITHIN
    )
    if not died:
        await writer.stop()
    await writer.start()


async def _let_seal(scene: Scene, failpoint: str) -> ServiceProcess:
    """Start the first writer again with a failpoint, and make it the one that seals."""
    one, other = scene.writers
    await one.stop()
    one.launch(HEADWATER_WRITER_FAILPOINT=failpoint)
    await scene.wait_for(
        "the writer starts again", lambda: _has_connected(one), timedelta(seconds=40)
    )
    # whoever seals does so until its session ends
    await other.stop()
    await asyncio.sleep(2)
    await other.start()
    return one


def _has_connected(writer: ServiceProcess) -> bool:
    """Say whether a writer is at work, or was and has died of its failpoint already."""
    return not writer.is_running or any(
        line.get("event") == "connected to postgres" for line in writer.log_lines()
    )


ROWS = (
    Row("S", "Slicer", "kill -9 of the writer in mid seal, at each of two steps",
        "sealed by the other one, exactly once", die_while_sealing, timedelta(seconds=30)),
    Row("M", "Slicer", "kill -9 of the writer in mid merge, at each of seven steps",
        "merged anew, exactly once", die_while_merging, timedelta(seconds=30)),
    Row("Z", "Slicer", "SIGSTOP for 18 s in mid seal, and in the swap of a merge; CONT as a zombie",
        "its locks end within 8 s, exactly once", stand_still_with_locks, timedelta(seconds=60)),
)  # fmt: skip
