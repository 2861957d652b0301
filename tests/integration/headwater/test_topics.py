"""Topics against a real Kafka."""

import asyncpg

from headwater.topics import TopicAdmin
from libs.common.kafka.reader import Span
from tests.stack import Stack, unique_telemetry


async def test_create_is_idempotent(stack: Stack) -> None:
    topic = unique_telemetry(partition_count=2)
    async with TopicAdmin(stack.kafka_connection) as admin:
        assert await admin.create([topic]) == [topic.name]
        assert await admin.create([topic]) == []
        (state,) = await admin.states([topic.name])
        assert (state.partition_count, state.leaderless_count) == (2, 0)


async def test_add_partitions_and_delete(stack: Stack, telemetry: str) -> None:
    async with TopicAdmin(stack.kafka_connection) as admin:
        await admin.add_partitions(telemetry, 5)
        assert await admin.spans(telemetry) == {n: Span(0, 0) for n in range(5)}
        await admin.delete(telemetry)
        assert await admin.states([telemetry]) == []


async def test_database_is_migrated(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("SELECT count(*) FROM app_logs") == 0
        collation = "SELECT datlocale FROM pg_database WHERE datname = current_database()"
        assert await connection.fetchval(collation) == "C.UTF-8"
    finally:
        await connection.close()
