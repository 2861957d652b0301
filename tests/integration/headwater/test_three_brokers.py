"""`headwater up --brokers 3`: three replicas, two of which must have a record."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from headwater.topics import TopicAdmin
from tests.integration.headwater.installation import Installation, read_messages, shows, until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def installation(run_folder: Path) -> Iterator[Installation]:
    made = Installation(run_folder / f"home-{uuid4().hex[:8]}")
    try:
        made.up("--brokers", "3")
        yield made
    finally:
        made.command("down")


async def replication(status: dict[str, Any]) -> tuple[int, int, str]:
    """Return replicas, those in sync, and how many of them must have a record."""
    connection = {"bootstrap_servers": status["kafka_bootstrap"]}
    async with TopicAdmin(connection) as topics:
        (state,) = await topics.states(["telemetry"])
    client = AIOKafkaAdminClient(**connection)
    await client.start()
    try:
        wanted = ConfigResource(ConfigResourceType.TOPIC, "telemetry")
        (answer,) = await client.describe_configs([wanted])
    finally:
        await client.close()
    settings = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    return state.replica_count, state.in_sync_count, settings["min.insync.replicas"]


async def post_until_taken(status: dict[str, Any], message: str) -> None:
    """Post one batch as a sender does: again, with the same id, until it is taken."""
    event = {"kind": "log", "level": "INFO", "message": message}
    batch = {"batch_id": str(uuid4()), "events": [event]}
    async with httpx.AsyncClient(timeout=10) as client, asyncio.timeout(30):
        while True:
            answer = await client.post(
                status["ingest_url"],
                json=batch,
                headers={"Authorization": f"Bearer {status['ingest_key']}"},
            )
            if answer.status_code == 202:
                return
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            await asyncio.sleep(0.2)


def test_a_broker_is_lost_and_events_still_come_in(installation: Installation) -> None:
    status = installation.status()
    assert asyncio.run(replication(status)) == (3, 3, "2")
    os.kill(installation.pids()["kafka-2"], signal.SIGKILL)
    sent = sorted(f"without one {number}" for number in range(8))

    async def post_all() -> None:
        await asyncio.gather(*(post_until_taken(status, message) for message in sent))

    asyncio.run(post_all())
    until(shows(status, *sent))
    assert read_messages(status) == sent
    until(lambda: installation.status()["ready"])
    assert installation.restarts("kafka-2") == 1
    until(lambda: asyncio.run(replication(status)) == (3, 3, "2"))
