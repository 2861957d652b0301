"""Completeness, the ledger, readiness, the docs page, and what every answer wears."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from aiokafka import AIOKafkaProducer

from libs.common.clock import SystemClock
from libs.common.db.engine import create_engine
from libs.common.runtime import LoopWatch
from services.query.domain.completeness import Completeness, PartitionState
from services.query.domain.ledger import floor_hour
from services.query.jobs.completeness import CompletenessJob
from services.query.store.offsets import OffsetStore
from tests.integration.query.house import House
from tests.stack import Stack

HEALTH = "/api/v1/admin/health"


async def wait_for(job: CompletenessJob, condition: Any) -> Completeness:
    async with asyncio.timeout(20):
        while not condition(job.state):  # noqa: ASYNC110  # the job has nobody to tell
            await asyncio.sleep(0.05)
    return job.state


async def test_complete_through_follows_the_writer(
    stack: Stack, house: House, telemetry: str
) -> None:
    clock = SystemClock()
    engine = create_engine(house.database_url, "query-test", pool_size=2)
    job = CompletenessJob(
        dict(stack.kafka_connection), telemetry, OffsetStore(engine), clock, LoopWatch(clock)
    )
    running = asyncio.create_task(job.run())
    producer = AIOKafkaProducer(**stack.kafka_connection)
    try:
        before = clock.now()
        empty = await wait_for(job, lambda state: state.complete_through is not None)
        assert empty.complete_through is not None
        assert empty.complete_through >= before
        assert [part.lag for part in empty.partitions] == [0, 0, 0]

        await producer.start()
        receipt = await producer.send_and_wait(telemetry, b"record", partition=1)
        lagging = await wait_for(job, lambda state: state.lag == 1)
        still = lagging.complete_through
        appended_at = datetime.fromtimestamp(receipt.timestamp / 1000, UTC)
        assert still is not None
        assert still <= appended_at
        await asyncio.sleep(1.5)
        assert job.state.complete_through == still

        await house.fetch(
            "INSERT INTO consumer_offsets "
            "(consumer, topic, partition, next_offset, cluster_id, last_record_at) "
            "VALUES ('writer', $1, 1, 1, 'c', $2)",
            telemetry,
            appended_at,
        )
        stored = await wait_for(job, lambda state: state.lag == 0)
        assert stored.complete_through is not None
        assert stored.complete_through > appended_at
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await producer.stop()
        await engine.dispose()


async def test_health_shows_the_ledger(house: House, admin: httpx.AsyncClient) -> None:
    now = datetime.now(UTC)
    hour = floor_hour(now)
    boot = uuid4()
    await house.fetch(
        "INSERT INTO gateway_boots (boot_id, instance, started_at, flushed_at, ended_at) "
        "VALUES ($1, 'g', $2, $3, NULL)",
        boot,
        now - timedelta(hours=3),
        now - timedelta(seconds=1),
    )
    for back, accepted, stored in ((0, 10, 10), (1, 7, 6)):
        at = hour - timedelta(hours=back)
        await house.fetch(
            "INSERT INTO ledger_received (boot_id, key_id, hour, received, accepted, unknown, "
            """rejected) VALUES ($1, 'k', $2, $3, $4, 0, '{"too_large": 2}')""",
            boot,
            at,
            accepted + 2,
            accepted,
        )
        await house.fetch(
            "INSERT INTO ledger_stored (key_id, hour, partition, stored) VALUES ('k', $1, 0, $2)",
            at,
            stored,
        )
    house.completeness.state = Completeness(
        (PartitionState(0, 5, 5, now, None), PartitionState(1, 9, 3, None, "gap")), now, now
    )
    seen = (await admin.get(HEALTH)).json()
    assert seen["kafka"]["ok"]
    assert seen["kafka"]["lag"] == 6
    assert seen["stopped_partitions"] == [1]
    assert [gateway["state"] for gateway in seen["gateways"]] == ["running"]
    assert seen["ledger"]["balanced"] is False
    older, newer = seen["ledger"]["hours"]
    assert (older["state"], newer["state"]) == ("unbalanced", "balanced")
    assert newer["rejected"] == {"too_large": 2}
    assert seen["ok"] is False

    house.completeness.state = Completeness((), now - timedelta(minutes=1), now)
    assert (await admin.get(HEALTH)).json()["ledger"]["balanced"] is None


async def test_the_docs_page_needs_nothing_from_elsewhere(
    house: House, client: httpx.AsyncClient
) -> None:
    root = await client.get("/")
    assert (root.status_code, root.headers["location"]) == (307, "/docs")
    for path in ("/docs", "/docs/docs.css", "/docs/docs.js"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert "//" not in answer.text.replace("// ", "") or path.endswith(".js")
        assert "http://" not in answer.text
        assert "https://" not in answer.text
    document = (await client.get("/openapi.json")).json()
    assert "/api/v1/logging/logs" in document["paths"]


async def test_every_answer_wears_its_headers(house: House, client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/api/v1/auth/me", "/nowhere", "/healthz"):
        answer = await client.get(path, headers={"x-trace-id": "abc-1"})
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-trace-id"] == "abc-1"
    unknown = await client.get("/nowhere")
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "not_found")
    wrong = await client.put("/api/v1/auth/me")
    assert (wrong.status_code, wrong.json()["reason"]) == (405, "method_not_allowed")


async def test_metrics_name_route_templates(house: House, admin: httpx.AsyncClient) -> None:
    await admin.get(f"/api/v1/logging/logs/{uuid4()}")
    await admin.get("/nowhere/at/all")
    shown = (await admin.get("/metrics")).text
    assert 'route="/api/v1/logging/logs/{log_id}",status="404"' in shown
    assert 'route="(no route)",status="404"' in shown


async def test_broken_bodies_are_refused(house: House, admin: httpx.AsyncClient) -> None:
    for body in (b"", b"{", b"[" * 100_000, b"null", b"\xff", b'{"email": NaN}'):
        answer = await admin.post(
            "/api/v1/auth/login", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (400, 422), body[:20]
        assert answer.headers["content-type"] == "application/problem+json"
