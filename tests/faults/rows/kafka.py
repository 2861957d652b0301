"""Rows 8 to 11 and 17: Kafka."""

import asyncio
import time
from collections import Counter
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from headwater.stack import KafkaNode
from tests.faults.runner import Row
from tests.faults.scene import Scene, StagePlan
from tests.faults.watch import end_offsets

BROKER_SESSION_SECONDS = 6
IN_SYNC_DEADLINE = timedelta(seconds=60)
LOGS = "/api/v1/logging/logs?limit=1"


async def kill_leader(scene: Scene) -> None:
    """Kill the broker that leads most partitions; start it again after 8 s."""
    node = await leader_of_most(scene)
    await node.kill()
    await asyncio.sleep(8)
    await node.start()
    scene.fault_ends()
    await wait_in_sync(scene)


async def roll_all(scene: Scene) -> None:
    """Kill all brokers, one after another, each only when the last is in sync again."""
    pids = _pids(scene)
    for node in scene.broken.kafka.nodes:
        await node.kill()
        killed_at = time.monotonic()
        await node.start()
        # until its session ends, metadata still tells of the killed one as in sync
        await asyncio.sleep(max(0.0, BROKER_SESSION_SECONDS + 1 - (time.monotonic() - killed_at)))
        await wait_in_sync(scene)
    scene.fault_ends()
    _note_restarts(scene, pids)


async def kill_two_of_three(scene: Scene) -> None:
    """Kill two of three: below the minimum nothing may be acknowledged; the console reads on."""
    victims = scene.broken.kafka.nodes[:2]
    await asyncio.gather(*(node.kill() for node in victims))
    await asyncio.sleep(8)
    acks = len(scene.load.state.acks)
    reads = [await scene.ask_console(LOGS) for _ in range(4)]
    await asyncio.sleep(17)
    false_acks = len(scene.load.state.acks) - acks
    for node in victims:
        await node.launch()
    await asyncio.gather(*(node.wait_ready() for node in victims))
    scene.fault_ends()
    if false_acks:
        scene.problems.append(f"{false_acks} batches acknowledged by one replica of three")
    statuses = [answer.status if answer else None for answer in reads]
    if statuses != [200] * 4:
        scene.problems.append(f"the console answered {statuses} meanwhile")
    scene.notes.append("the console read on")
    await wait_in_sync(scene)


async def freeze_two_of_three(scene: Scene) -> None:
    """Freeze two of three for 45 s and let them go on for 20 s, five times."""
    pids = _pids(scene)
    nodes = scene.broken.kafka.nodes
    for turn in range(5):
        frozen = [node for node in nodes if node.node_id != turn % 3 + 1]
        for node in frozen:
            node.freeze()
        await asyncio.sleep(45)
        for node in frozen:
            node.thaw()
        if turn < 4:
            await asyncio.sleep(20)
    scene.fault_ends()
    _note_restarts(scene, pids)


async def overrun_by_retention(scene: Scene) -> None:
    """With the writers stopped, two partitions lose records that were never stored."""
    await scene.stop_writers()
    await asyncio.sleep(6)
    stored = dict(scene.watch.stored)
    ends = await end_offsets(scene.servers.direct_bootstrap, scene.topic.name) or {}
    trimmed = {p: stored.get(p, 0) + 2 for p in ends if ends[p] > stored.get(p, 0) + 3}
    trimmed = dict(sorted(trimmed.items())[:2])
    await _delete_records(scene, trimmed)
    for writer in scene.writers:
        await writer.start()
    scene.fault_ends()
    await _expect_stopped(scene, set(trimmed))
    moved = [p for p in trimmed if scene.watch.stored.get(p, 0) != stored.get(p, 0)]
    if moved:
        scene.problems.append(f"partitions {moved} were moved past lost records")
    others = set(ends) - set(trimmed)
    await scene.wait_for(
        "the other partitions are stored",
        lambda: all(scene.watch.stored.get(p, 0) >= ends[p] for p in others),
        timedelta(seconds=30),
    )
    await scene.adopt_topic()
    scene.fault_ends()
    lost = [
        ack.line.batch
        for ack in scene.load.state.acks
        if ack.line.partition in trimmed
        and ack.line.offset is not None
        and stored.get(ack.line.partition, 0) <= ack.line.offset < trimmed[ack.line.partition]
    ]
    scene.forgive(lost)
    scene.notes.append(
        f"partitions {sorted(trimmed)} stopped; {len(lost)} deleted batches are missing, "
        "adopted by the operator, the rest stored"
    )


async def _expect_stopped(scene: Scene, partitions: set[int]) -> None:
    async def are_stopped() -> bool:
        return set(await scene.stopped_partitions()) == partitions

    await scene.wait_for(f"partitions {partitions} stop", are_stopped, timedelta(seconds=40))
    scene.notes += [
        f"{p}: {why}" for p, why in list((await scene.stopped_partitions()).items())[:1]
    ]


async def _delete_records(scene: Scene, before: dict[int, int]) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=scene.servers.direct_bootstrap)
    await client.start()
    try:
        await client.delete_records(
            {
                TopicPartition(scene.topic.name, partition): RecordsToDelete(before_offset=offset)
                for partition, offset in before.items()
            }
        )
    finally:
        await client.close()


async def leader_of_most(scene: Scene) -> KafkaNode:
    """Return the node that leads most of the row's partitions."""
    client = AIOKafkaAdminClient(bootstrap_servers=scene.servers.direct_bootstrap)
    await client.start()
    try:
        described = await client.describe_topics([scene.topic.name])
    finally:
        await client.close()
    leaders = Counter(partition["leader"] for partition in described[0]["partitions"])
    return scene.broken.kafka.node(leaders.most_common(1)[0][0])


async def wait_in_sync(scene: Scene) -> None:
    """Wait until every partition has all its replicas again."""

    async def is_in_sync() -> bool:
        async with scene.servers.admin() as admin:
            states = await admin.states([scene.topic.name])
        return all(state.in_sync_count == 3 and not state.leaderless_count for state in states)

    await scene.wait_for("all replicas are in sync", is_in_sync, IN_SYNC_DEADLINE)


def _pids(scene: Scene) -> list[int | None]:
    return [process.child.pid for process in (*scene.gateways, *scene.writers)]


def _note_restarts(scene: Scene, pids: list[int | None]) -> None:
    if pids != _pids(scene):
        scene.problems.append("a service ended by itself")
    else:
        scene.notes.append("no service was restarted")


ROWS = (
    Row("8", "Kafka", "kill -9 of the leader of most partitions, restart after 8 s",
        "no loss, no doubles", kill_leader, timedelta(seconds=30)),
    Row("9", "Kafka", "rolling kill -9 of all three brokers under load",
        "no loss, no doubles, consumers go on", roll_all, timedelta(seconds=60)),
    Row("10", "Kafka", "kill -9 of two of three (below min ISR), 25 s",
        "nothing acknowledged, reads go on", kill_two_of_three, timedelta(seconds=60),
        StagePlan(with_query=True)),
    Row("11", "Kafka", "SIGSTOP of two of three for 45 s, CONT 20 s, five times",
        "no gap, no double", freeze_two_of_three, timedelta(seconds=60)),
    Row("17", "Kafka", "records deleted past the stored offset while the writers are down",
        "those partitions stop with an alarm, never skip", overrun_by_retention,
        timedelta(seconds=30)),
)  # fmt: skip
