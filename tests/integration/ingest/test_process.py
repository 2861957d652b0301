"""The gateway as a process: started, drained, several at once, without Postgres, without Kafka."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from headwater.stack import KafkaOptions, LocalKafka
from headwater.topics import TopicAdmin
from services.ingest.api.batches import PATH
from tests.faults.processes import ProcessSpec, ServiceProcess
from tests.faults.proxy import Proxy
from tests.integration.headwater.installation import until
from tests.integration.ingest.house import (
    Gateway,
    add_keys,
    batch,
    bearer,
    read_topic,
    running_gateway,
    spec_of,
    surroundings,
)
from tests.stack import Stack, unique_telemetry
from tests.unit.ingest.making import SECRET
from tests.unit.ingest.otlp_making import as_json, record, request

PROMISED_SECONDS = 5.0
DOORS = (
    ("/v1/logs", as_json(request(record()))),
    ("/api/1/envelope/", b'{}\n{"type":"event"}\n{"message":"m"}'),
)


@pytest.fixture
def own_gateway(stack: Stack, template_database: str) -> Iterator[Gateway]:
    with running_gateway(stack, template_database) as made:
        yield made


async def post_once(port: int, body: dict[str, object]) -> httpx.Response:
    async with httpx.AsyncClient(timeout=15) as client:
        return await client.post(f"http://127.0.0.1:{port}{PATH}", json=body, headers=bearer())


async def post_by_door(port: int, door: tuple[str, bytes]) -> httpx.Response:
    path, body = door
    auth = {
        "x-sentry-auth": f"Sentry sentry_key=hw_k1_{SECRET}",
        "content-type": "application/json",
    }
    async with httpx.AsyncClient(timeout=15) as client:
        url = f"http://127.0.0.1:{port}{path}"
        return await client.post(url, content=body, headers=bearer() | auth)


BOOTS = "SELECT ended_at FROM gateway_boots"


async def wait_for(is_so: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


def test_the_ledger_and_a_drain_under_load(own_gateway: Gateway) -> None:
    """No acknowledged batch is missing, and the last counts are written."""
    acknowledged: list[str] = []
    stop = threading.Event()

    def send() -> None:
        with httpx.Client(timeout=15) as client:
            while not stop.is_set():
                body = batch("a", "b", "c")
                body["events"].append(5)
                try:
                    url = f"http://127.0.0.1:{own_gateway.process.port}{PATH}"
                    answer = client.post(url, json=body, headers=bearer())
                except httpx.HTTPError:
                    return
                if answer.status_code == 202:
                    acknowledged.append(body["batch_id"])

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(send)
        until(lambda: len(acknowledged) > 8 and own_gateway.fetch(BOOTS))
        flushed = own_gateway.fetch(BOOTS)
        # the listening socket stays open here, so that senders hang instead of being refused
        code = asyncio.run(own_gateway.process.stop())
        stop.set()
        assert own_gateway.process.spec.listener is not None
        own_gateway.process.spec.listener.close()
    assert code == 0
    assert [row["ended_at"] for row in flushed] == [None]
    assert len(acknowledged) > 20

    ids = [str(record.header.batch_id) for record in own_gateway.records()]
    assert set(acknowledged) <= set(ids)
    (row,) = own_gateway.fetch(
        "SELECT sum(received)::int AS received, sum(accepted)::int AS accepted,"
        " sum(unknown)::int AS unknown, sum((rejected->>'not_an_object')::int)::int AS rejected"
        " FROM ledger_received WHERE key_id = 'k1'"
    )
    assert row["accepted"] == 3 * len(ids)
    assert row["rejected"] == len(ids)
    assert row["received"] == row["accepted"] + row["rejected"]
    assert row["unknown"] == 0
    (boot,) = own_gateway.fetch("SELECT * FROM gateway_boots")
    assert boot["ended_at"] >= boot["started_at"]


async def test_several_processes_on_one_socket(stack: Stack, database: str, telemetry: str) -> None:
    await add_keys(database)
    around = surroundings(stack, database, telemetry)
    spec = spec_of("ingest-1")
    assert spec.listener is not None
    twin_spec = ProcessSpec("ingest-2", spec.module, spec.port, spec.listener)
    twins = [ServiceProcess(one, around) for one in (spec, twin_spec)]
    try:
        await asyncio.gather(*(twin.start() for twin in twins))

        async def post_many() -> list[int]:
            return [(await post_once(spec.port, batch())).status_code for _ in range(40)]

        posting = asyncio.create_task(post_many())
        await asyncio.sleep(0.2)
        assert await twins[0].stop() == 0
        assert await posting == [202] * 40
        assert len(await read_topic(stack.kafka_bootstrap, telemetry)) == 40
        connection = await asyncpg.connect(database)
        assert await connection.fetchval("SELECT count(*) FROM gateway_boots") == 2
        await connection.close()
    finally:
        for twin in twins:
            await twin.stop()
        spec.listener.close()


async def test_without_postgres(stack: Stack, database: str, telemetry: str) -> None:
    """503 until the keys were read once; then the last copy serves, whatever Postgres does."""
    await add_keys(database)
    parts = urlsplit(database)
    assert parts.port is not None
    proxy = Proxy(parts.port)
    await proxy.start()
    proxy.refuse()
    login = parts.netloc.rpartition("@")[0]
    through = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}"))
    spec = spec_of("ingest")
    gateway = ServiceProcess(spec, surroundings(stack, through, telemetry))
    try:
        gateway.launch()
        await wait_for(lambda: any(line["event"] == "listening" for line in gateway.log_lines()))
        early = await post_once(spec.port, batch())
        assert (early.status_code, early.json()["retryable"]) == (503, True)
        assert "retry-after" in early.headers
        proxy.heal()
        await gateway.wait_ready()

        proxy.refuse()
        await asyncio.sleep(1.5)
        assert (await post_once(spec.port, batch())).status_code == 202
        await gateway.wait_ready(timedelta(seconds=1))
        proxy.heal()
        proxy.silence()
        await asyncio.sleep(1)
        assert (await post_once(spec.port, batch())).status_code == 202
        proxy.heal()

        # a server that answers with an error is away too
        name = parts.path.lstrip("/")
        server = await asyncpg.connect(stack.database_server_url)
        await server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        await asyncio.sleep(2)
        assert (await post_once(spec.port, batch())).status_code == 202
        await server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await server.close()
        assert await gateway.stop() == 0
        connection = await asyncpg.connect(database)
        counts = "SELECT sum(accepted) FROM ledger_received"
        assert await connection.fetchval(counts) == 3
        await connection.close()
    finally:
        await gateway.stop()
        if spec.listener is not None:
            spec.listener.close()
        await proxy.stop()


async def test_a_paused_topic(stack: Stack, database: str, telemetry: str) -> None:
    """Pausing is said and kept, also by a gateway that started while the topic was paused."""
    await add_keys(database)
    connection = await asyncpg.connect(database)
    await connection.execute("INSERT INTO topic_pauses VALUES ($1, 'it grows')", telemetry)
    spec = spec_of("ingest")
    gateway = ServiceProcess(spec, surroundings(stack, database, telemetry))
    try:
        await gateway.start()
        answer = await post_once(spec.port, batch())
        assert (answer.status_code, answer.json()["detail"]) == (503, "it grows")
        for _ in range(50):
            if await connection.fetchval("SELECT bool_and(is_paused) FROM gateway_boots"):
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the gateway did not say that it paused")
        async with TopicAdmin(stack.kafka_connection) as admin:
            await admin.add_partitions(telemetry, 5)
        await connection.execute("DELETE FROM topic_pauses")
        for _ in range(50):
            answer = await post_once(spec.port, batch())
            if answer.status_code == 202:
                break
            await asyncio.sleep(0.1)
        assert answer.status_code == 202
        assert await gateway.stop() == 0
    finally:
        await gateway.stop()
        await connection.close()
        if spec.listener is not None:
            spec.listener.close()


async def test_without_kafka(stack: Stack, database: str, run_folder: Path) -> None:
    """A broker that says nothing: 503 within the promised time; the same batches later."""
    await add_keys(database)
    kafka = LocalKafka(run_folder / f"kafka-{uuid4().hex[:6]}", options=KafkaOptions("256m", True))
    topic = unique_telemetry(partition_count=3)
    brief = {"HEADWATER_SENTRY_PATIENCE": "PT1S"}
    spec = spec_of("ingest", HEADWATER_KAFKA_BOOTSTRAP=kafka.bootstrap, **brief)
    gateway = ServiceProcess(spec, surroundings(stack, database, topic.name))
    try:
        await kafka.start()
        async with TopicAdmin({"bootstrap_servers": kafka.bootstrap}) as admin:
            await admin.create([topic])
        await gateway.start()
        assert (await post_once(spec.port, batch())).status_code == 202

        kafka.node(1).freeze()
        bodies = [batch() for _ in range(4)]
        began = time.monotonic()
        answers = await asyncio.gather(*(post_once(spec.port, body) for body in bodies))
        assert time.monotonic() - began < PROMISED_SECONDS
        assert {answer.status_code for answer in answers} == {503}
        assert all("retry-after" in a.headers and a.json()["retryable"] for a in answers)
        by_otlp, by_sentry = await asyncio.gather(*(post_by_door(spec.port, one) for one in DOORS))
        assert (by_otlp.status_code, by_otlp.json()["code"]) == (503, 14)
        assert "retry-after" in by_otlp.headers
        assert by_sentry.status_code == 429
        assert by_sentry.headers["x-sentry-rate-limits"].endswith(":key:unavailable")

        kafka.node(1).thaw()
        for body in bodies:
            status = 503
            for _ in range(20):
                status = (await post_once(spec.port, body)).status_code
                if status == 202:
                    break
            assert status == 202
        found = {value for _, value in await read_topic(kafka.bootstrap, topic.name)}
        assert len(found) >= 5
        assert await gateway.stop() == 0
    finally:
        kafka.node(1).thaw()
        await gateway.stop()
        await kafka.stop()
        if spec.listener is not None:
            spec.listener.close()
