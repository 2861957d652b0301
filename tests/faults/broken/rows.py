"""The rows that the broken writers must fail, and by which laws."""

import asyncio
from datetime import timedelta

from tests.faults.rows.writer import die_around_commit
from tests.faults.runner import Result, Row
from tests.faults.scene import Scene, StagePlan

PACKAGE = "tests.faults.broken"


async def _die_before_commit(scene: Scene) -> None:
    await die_around_commit(scene, ("before_commit:kill",))


async def _send_again(scene: Scene) -> None:
    await asyncio.sleep(4)
    scene.fault_ends()


async def _merge_some(scene: Scene) -> None:
    await scene.wait_for(
        "slices are merged", lambda: scene.count_slices_done()[1] > 0, timedelta(seconds=90)
    )
    scene.fault_ends()


LAWS = {
    "offsets_first": ("acked but not stored",),
    "no_batch_check": ("stored more than once",),
    "lossy_merge": ("acked but not stored", "counted rows or checksum differ"),
}
"""What the oracle has to say of each."""

ROWS = (
    Row("offsets_first", "Broken writer", "offsets committed before the rows, kill -9 in between",
        "the oracle finds lost events", _die_before_commit, timedelta(seconds=40),
        StagePlan(f"{PACKAGE}.offsets_first", warm_up_s=2)),
    Row("no_batch_check", "Broken writer", "no batch-id check, batches sent twice",
        "the oracle finds doubled events", _send_again, timedelta(seconds=40),
        StagePlan(f"{PACKAGE}.no_batch_check", resend_share=0.1, warm_up_s=2)),
    Row("lossy_merge", "Broken writer", "merges lose the rows of a slice and keep its counts",
        "the oracle finds lost events and a wrong slice", _merge_some, timedelta(seconds=40),
        StagePlan(f"{PACKAGE}.lossy_merge", warm_up_s=2)),
)  # fmt: skip


def bites(result: Result) -> bool:
    """Say whether the oracle found what is broken."""
    return all(any(law in problem for problem in result.problems) for law in LAWS[result.number])
