"""Rows 1 to 7: the gateway."""

import asyncio
import secrets
import time
from datetime import timedelta

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.faults.http_client import Answer, BrokenOff, HttpConnection
from tests.faults.load import PATH
from tests.faults.proxy import Proxy
from tests.faults.runner import Row
from tests.faults.scene import Scene, StagePlan

MEBIBYTE = 1024 * 1024
UNREACHABLE_SECONDS = 120
DEADLINE_SECONDS = 5.0
MEMORY_ALLOWANCE_BYTES = 64 * MEBIBYTE


async def kill_in_mid_batch(scene: Scene) -> None:
    """Kill each gateway once under load and start it again."""
    for gateway in scene.gateways:
        await gateway.kill()
        await asyncio.sleep(1)
        await gateway.start()
        await asyncio.sleep(2)
    scene.fault_ends()


async def roll_by_sigterm(scene: Scene) -> None:
    """Restart the gateways in turn, twice, the way a deployment does."""
    before = scene.load.state.troubles.copy()
    for _ in range(2):
        for gateway in scene.gateways:
            code = await gateway.stop()
            if code != 0:
                scene.problems.append(f"{gateway.name} ended with {code} on SIGTERM")
            await gateway.start()
            await asyncio.sleep(1)
    scene.fault_ends()
    troubles = scene.load.state.troubles - before
    scene.notes.append(f"attempts without 2xx while rolling: {dict(troubles) or 'none'}")
    answers = {kind: n for kind, n in troubles.items() if kind.isdigit()}
    if answers:
        scene.problems.append(f"error answers while rolling: {answers}")


async def clients_leave(scene: Scene) -> None:
    """A third of the posts close their connection after the body; then they retry."""
    await asyncio.sleep(12)
    scene.fault_ends()
    scene.notes.append(f"{scene.load.state.troubles['left']} posts left without their answer")


async def eat_responses(scene: Scene) -> None:
    """A fifth of the answers never reach the client."""
    proxy = Proxy(scene.port)
    await proxy.start()
    scene.load.retarget(proxy.port)
    proxy.eaten_share = 0.2
    await asyncio.sleep(25)
    proxy.heal()
    scene.fault_ends()
    scene.load.retarget(scene.port)
    await asyncio.sleep(3)
    await proxy.stop()
    eaten = scene.load.state.troubles["TimeoutError"]
    scene.notes.append(f"{eaten} answers eaten by the proxy")
    if not eaten:
        scene.problems.append("the proxy ate no answer: the row tested nothing")


async def stop_and_continue(scene: Scene) -> None:
    """Freeze one of two gateways for 30 s: its clients go to the other and come again."""
    frozen = scene.gateways[0]
    frozen.freeze()
    await asyncio.sleep(30)
    frozen.thaw()
    scene.fault_ends()


async def lose_kafka(scene: Scene) -> None:
    """No way to Kafka for two minutes: 503 within the deadline, nothing acknowledged."""
    slowest = 0.0

    def note(answer: Answer, seconds: float) -> None:
        nonlocal slowest
        slowest = max(slowest, seconds)

    before = [gateway.rss_bytes() for gateway in scene.gateways]
    pids = [gateway.child.pid for gateway in scene.gateways]
    for proxy in scene.broken.kafka_proxies:
        proxy.silence()
    await asyncio.sleep(2)
    scene.load.on_answer = note
    acks = len(scene.load.state.acks)
    await asyncio.sleep(UNREACHABLE_SECONDS - 2)
    scene.load.on_answer = None
    false_acks = len(scene.load.state.acks) - acks
    grown = max(
        gateway.rss_bytes() - rss for gateway, rss in zip(scene.gateways, before, strict=True)
    )
    for proxy in scene.broken.kafka_proxies:
        proxy.heal()
    scene.fault_ends()
    scene.notes += [
        f"slowest answer {slowest:.2f} s",
        f"gateway memory grew by {grown / MEBIBYTE:.1f} MiB",
    ]
    if false_acks:
        scene.problems.append(f"{false_acks} batches acknowledged without Kafka")
    if slowest > DEADLINE_SECONDS + 0.5:
        scene.problems.append(f"an answer took {slowest:.1f} s")
    if grown > MEMORY_ALLOWANCE_BYTES:
        scene.problems.append(f"gateway memory grew by {grown / MEBIBYTE:.0f} MiB")
    if pids != [gateway.child.pid for gateway in scene.gateways]:
        scene.problems.append("a gateway ended")


async def post_too_much(scene: Scene) -> None:
    """Batches beyond the limits amid good ones; the broker's own limit lies below ours at last."""
    too_large = [
        ("a body beyond the gateway's limit", 6 * MEBIBYTE, {413}),
        ("a body that Kafka's limit refuses", 700 * 1024, {413}),
    ]
    await _limit_topic(scene, 256 * 1024)
    connection = HttpConnection(lambda: scene.port, timeout_s=20)
    try:
        for what, size_bytes, allowed in too_large:
            for _ in range(5):
                status = await _post_noise(scene, connection, size_bytes)
                if status not in allowed:
                    scene.problems.append(f"{what} was answered {status}")
                await asyncio.sleep(0.5)
    finally:
        connection.close()
        await _limit_topic(scene, 8 * MEBIBYTE)
    scene.fault_ends()


async def _post_noise(scene: Scene, connection: HttpConnection, size_bytes: int) -> int | str:
    events = []
    while size_bytes > 0:
        events.append({"kind": "log", "message": secrets.token_urlsafe(12_000)[:16_000]})
        size_bytes -= 16_000
    body = msgspec.json.encode({"batch_id": str(scene.new_uuid()), "events": events})
    headers = {"Authorization": f"Bearer {scene.load.plan.key}", "Connection": "close"}
    try:
        return (await connection.request("POST", PATH, headers, body)).status
    except BrokenOff as error:
        # a server that refuses a body by its length need not read it to the end
        return 413 if str(error) == "ConnectionResetError" else str(error)


async def _limit_topic(scene: Scene, size_bytes: int) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=scene.servers.direct_bootstrap)
    await client.start()
    try:
        topic = scene.topic
        settings = topic.creation_config() | {"max.message.bytes": str(size_bytes)}
        if scene.servers.parts is not None:
            settings["min.insync.replicas"] = "2"
        await client.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=settings)]
        )
    finally:
        await client.close()
    await asyncio.sleep(1)


async def _no_fault(scene: Scene) -> None:
    began = time.monotonic()
    await asyncio.sleep(10)
    scene.fault_ends()
    rate = len(scene.load.state.acks) * 20 / (time.monotonic() - began + 5)
    scene.notes.append(f"about {rate:.0f} events/s acknowledged")


ROWS = (
    Row("0", "All", "none: the control run", "everything stored once", _no_fault,
        timedelta(seconds=5)),
    Row("1", "Gateway", "kill -9 in mid batch, restart, each of two",
        "acked all stored; unacked stored 0 or 1 times", kill_in_mid_batch, timedelta(seconds=10)),
    Row("2", "Gateway", "SIGTERM under load, rolling, two instances, twice",
        "no error answers, no loss, exit 0", roll_by_sigterm, timedelta(seconds=15)),
    Row("3", "Gateway", "client disconnects after the body, a third of the posts; same batch again",
        "stored once", clients_leave, timedelta(seconds=10), StagePlan(leave_share=0.33)),
    Row("4", "Gateway", "answers eaten by a proxy, a fifth of them",
        "stored once, retries end in 2xx", eat_responses, timedelta(seconds=10),
        StagePlan(answer_timeout_s=2)),
    Row("5", "Gateway", "SIGSTOP 30 s, CONT", "no doubles", stop_and_continue,
        timedelta(seconds=20), StagePlan(answer_timeout_s=6)),
    Row("6", "Gateway", "Kafka unreachable for 2 min",
        "503 in time, memory flat, no 2xx, recovers without restart", lose_kafka,
        timedelta(seconds=15)),
    Row("7", "Gateway", "batches beyond the gateway's and the broker's limits amid good ones",
        "413 for them; the producer goes on", post_too_much, timedelta(seconds=10)),
)  # fmt: skip
