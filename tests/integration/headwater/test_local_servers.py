"""The local servers: they come back after kill -9 with what they had, where they were."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from headwater.stack import KafkaOptions, LocalKafka, LocalPostgres, PostgresOptions, StackError
from headwater.stack.errors import StepFailed
from headwater.stack.kafka_jars import expected_checksums, fetch_jars, jar_folder
from headwater.topics import TopicAdmin
from libs.common.topics import Topic
from tests.stack import unique_telemetry

SMALL = PostgresOptions(shared_buffers_bytes=16 * 1024 * 1024)


@pytest.fixture
async def postgres(run_folder: Path) -> AsyncIterator[LocalPostgres]:
    server = LocalPostgres(run_folder / f"home-{uuid4().hex[:8]}", options=SMALL)
    await server.start()
    yield server
    await server.stop()


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_postgres_survives_kill_and_keeps_its_address(postgres: LocalPostgres) -> None:
    url = postgres.url()
    await ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
    for _ in range(3):
        await postgres.kill()
        assert not postgres.is_running
        await postgres.start()
    assert postgres.url() == url
    assert await ask(url, "SELECT n FROM kept") == 7


async def test_postgres_stops_with_sessions_open(postgres: LocalPostgres) -> None:
    connection = await asyncpg.connect(postgres.url())
    assert await postgres.stop()
    assert not await postgres.is_ready()
    connection.terminate()


async def test_postgres_wants_the_password(postgres: LocalPostgres) -> None:
    user, _, rest = postgres.url().removeprefix("postgresql://").partition(":")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://{user}:wrong@{rest.partition('@')[2]}")


async def test_postgres_orders_by_code_point_and_knows_all_scripts(
    postgres: LocalPostgres,
) -> None:
    assert await ask(postgres.url(), "SELECT lower('ÄΩЖ')") == "äωж"
    assert await ask(postgres.url(), "SELECT 'Z' < 'a'") is True
    await ask(postgres.url(), "CREATE EXTENSION pg_trgm")


async def test_postgres_that_cannot_start_names_its_log(postgres: LocalPostgres) -> None:
    await postgres.stop()
    (postgres.data / "local.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(StepFailed) as failure:
        await postgres.start()
    assert any("no_such_setting" in line for line in failure.value.last_lines())
    (postgres.data / "local.conf").write_text("")


async def test_postgres_gets_into_folders_that_nobody_may_read(run_folder: Path) -> None:
    above = run_folder / f"above-{uuid4().hex[:8]}"
    home = above / "home"
    (home / "postgres").mkdir(parents=True, mode=0o755)
    above.chmod(0o700)
    made = LocalPostgres(home)
    await made.start()
    try:
        assert await ask(made.url(), "SELECT 1") == 1
    finally:
        await made.stop()
    has_own_user = os.geteuid() == 0
    assert made.opened == ([above.resolve()] if has_own_user else [])
    modes = {stat.S_IMODE(folder.stat().st_mode) for folder in (above, home / "postgres")}
    assert modes == {0o701 if has_own_user else 0o700}


async def publish(bootstrap: str, topic: Topic, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic.name, value, partition=0)
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: Topic) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        place = TopicPartition(topic.name, 0)
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        return [(await consumer.getone()).value for _ in range(end)]
    finally:
        await consumer.stop()


async def test_kafka_survives_kill_and_keeps_its_address(run_folder: Path) -> None:
    kafka = LocalKafka(
        run_folder / f"home-{uuid4().hex[:8]}", options=KafkaOptions("256m", quick_start=True)
    )
    topic = unique_telemetry(partition_count=1)
    try:
        await kafka.start()
        bootstrap = kafka.bootstrap
        async with TopicAdmin({"bootstrap_servers": bootstrap}) as admin:
            await admin.create([topic])
        await publish(bootstrap, topic, b"before")
        await kafka.node(1).kill()
        assert kafka.node(1).pid is None
        assert not await kafka.node(1).is_ready()
        await kafka.node(1).start()
        assert await kafka.node(1).is_ready()
        await publish(bootstrap, topic, b"after")
        assert kafka.bootstrap == bootstrap
        assert await read_all(bootstrap, topic) == [b"before", b"after"]
    finally:
        await kafka.stop()
    assert not kafka.is_running


async def test_a_changed_jar_is_refused(tmp_path: Path) -> None:
    folder = jar_folder(tmp_path)
    folder.mkdir()
    for name in expected_checksums():
        (folder / name).write_bytes(b"not Kafka")
    with pytest.raises(StackError, match=r"is not the file it should be"):
        await fetch_jars(tmp_path, tmp_path)
