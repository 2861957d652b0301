"""What the broker refuses: the record that is too large, and not those beside it."""

import asyncio
import os
from dataclasses import replace
from uuid import uuid4

import pytest

from headwater.topics import TopicAdmin
from libs.common.clock import SystemClock
from libs.common.kafka.producer import KafkaPublisher, Receipt, RecordTooLarge
from libs.common.topics import TELEMETRY
from tests.stack import Stack


@pytest.fixture
async def narrow_topic(stack: Stack) -> str:
    """A topic of one partition whose limit lies below ours."""
    name = f"narrow-{uuid4().hex[:8]}"
    topic = replace(TELEMETRY, name=name, partition_count=1, config={"max.message.bytes": "100000"})
    async with TopicAdmin(stack.kafka_connection) as admin:
        await admin.create([topic])
    return name


async def test_a_record_that_is_too_large_takes_none_with_it(
    stack: Stack, narrow_topic: str
) -> None:
    publisher = KafkaPublisher(stack.kafka_connection, SystemClock())
    await publisher.start()
    try:
        sizes = [1_000, 30_000, 150_000, 1_000, 30_000, 90_000, 1_000]
        values = [os.urandom(size) for size in sizes]  # nothing that compression makes smaller
        outcomes = await asyncio.gather(
            *(publisher.publish(narrow_topic, os.urandom(16), value) for value in values),
            return_exceptions=True,
        )
        for size, outcome in zip(sizes, outcomes, strict=True):
            assert isinstance(outcome, RecordTooLarge if size > 100_000 else Receipt), size
        offsets = sorted(one.offset for one in outcomes if isinstance(one, Receipt))
        assert offsets == list(range(6))
    finally:
        await publisher.stop()
