"""Rows G and R: a topic that grows, and one that was made anew."""

import asyncio
from datetime import timedelta

from headwater.topic_growth import Growth, grow_topic
from tests.faults import database as db
from tests.faults.runner import Row
from tests.faults.scene import PARTITION_COUNT, Scene, StagePlan
from tests.faults.watch import end_offsets

GROWN_COUNT = 20


async def retry_across_growth(scene: Scene) -> None:
    """Grow the topic under load; batches acknowledged before are sent again afterwards."""
    growth = Growth(scene.topic.name, GROWN_COUNT, (db.CONSUMER,))
    told: list[str] = []
    connection = await db.connect(scene.url)
    try:
        async with scene.servers.admin() as admin:
            await grow_topic(growth, connection, admin, told.append)
    finally:
        await connection.close()
    again = scene.load.resend_recent()
    scene.fault_ends()
    scene.notes.append(
        f"{PARTITION_COUNT} to {GROWN_COUNT} partitions, {again} older batches sent once more, "
        f"{scene.load.state.troubles['503']} answers 503 meanwhile"
    )
    await scene.wait_for(
        "the new partitions are used",
        lambda: any(scene.watch.stored.get(p, 0) for p in range(PARTITION_COUNT, GROWN_COUNT)),
        timedelta(seconds=30),
    )


async def recreate_topic(scene: Scene) -> None:
    """Make the topic anew behind the writers' backs and let it grow past the old offsets."""
    scene.load.pause()
    await scene.load.wait_quiet(30)
    await scene.watch.wait_lag_zero(30)
    await scene.stop_writers()
    old = {partition: offset for partition, offset in scene.watch.stored.items() if offset}
    async with scene.servers.admin() as admin:
        await admin.delete(scene.topic.name)

        async def is_gone() -> bool:
            return not await admin.states([scene.topic.name])

        await scene.wait_for("the topic is gone", is_gone, timedelta(seconds=20))
        await admin.create([scene.topic])
    rows_before = await _row_count(scene)
    scene.load.resume()

    async def has_grown() -> bool:
        ends = await end_offsets(scene.servers.direct_bootstrap, scene.topic.name) or {}
        return all(ends.get(partition, 0) > offset + 1 for partition, offset in old.items())

    await scene.wait_for("the new topic passes the old offsets", has_grown, timedelta(seconds=90))
    for writer in scene.writers:
        await writer.start()

    async def have_stopped() -> bool:
        return old.keys() <= (await scene.stopped_partitions()).keys()

    await scene.wait_for("all partitions stop", have_stopped, timedelta(seconds=60))
    await asyncio.sleep(3)
    if (rows := await _row_count(scene)) != rows_before:
        scene.problems.append(f"{rows - rows_before} rows stored of a topic that is another one")
    reasons = sorted(set((await scene.stopped_partitions()).values()))
    adopted = await scene.adopt_topic()
    scene.fault_ends()
    scene.notes.append(
        f"{len(old)} partitions stopped ({reasons[:1]}), nothing was stored; "
        f"{adopted} adopted by the operator, everything stored"
    )


async def _row_count(scene: Scene) -> int:
    rows = await scene.sql("SELECT coalesce(sum(row_count), 0)::bigint AS n FROM slice_counts")
    return int(rows[0]["n"])


ROWS = (
    Row("G", "Topic", "`topics grow` from 12 to 20 partitions under load, retries across it",
        "503 meanwhile, stored once", retry_across_growth, timedelta(seconds=30),
        StagePlan(leave_share=0.1, resend_share=0.1)),
    Row("R", "Topic", "topic made anew, grown past the old offsets",
        "all partitions stop, none skips; adopt goes on", recreate_topic, timedelta(seconds=30)),
)  # fmt: skip
