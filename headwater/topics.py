"""Creating and describing Kafka topics, as `libs.common.topics` declares them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import (
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from headwater.stack.errors import StackError
from libs.common.kafka.reader import Span
from libs.common.kafka.records import Record
from libs.common.topics import Topic

SETTLE_DEADLINE = timedelta(seconds=30)
REPLICA_MAX_COUNT = 3
READ_TIMEOUT_MS = 10_000


@dataclass(frozen=True)
class TopicState:
    """A topic as the cluster has it."""

    name: str
    partition_count: int
    replica_count: int
    in_sync_count: int
    """Replicas in sync of the partition that has fewest."""
    leaderless_count: int


class TopicAdmin:
    """Talks to the cluster's controller. Use as an async context; `connection` is aiokafka's."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = dict(connection)
        self._client = AIOKafkaAdminClient(**self._connection)

    async def __aenter__(self) -> Self:
        """Connect; raises aiokafka.errors.KafkaConnectionError when no broker answers."""
        await self._client.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()

    async def cluster_id(self) -> str:
        """Return the cluster's id: another one means other records at the same offsets."""
        described = await self._client.describe_cluster()
        return str(described["cluster_id"])

    async def create(self, topics: Iterable[Topic]) -> list[str]:
        """Create the topics that are not there, wait until they have leaders, return their names.

        Topics that are there stay as they are.
        """
        described = await self._client.describe_cluster()
        replicas = min(REPLICA_MAX_COUNT, len(described["brokers"]))
        there = {state.name for state in await self.states()}
        missing = [topic for topic in topics if topic.name not in there]
        if not missing:
            return []
        answer = await self._client.create_topics(
            [
                NewTopic(
                    topic.name,
                    topic.partition_count,
                    replicas,
                    topic_configs={
                        "min.insync.replicas": str(max(1, replicas - 1)),
                        **topic.creation_config(),
                    },
                )
                for topic in missing
            ]
        )
        created = []
        for name, code, *message in answer.topic_errors:
            if code == 0:
                created.append(name)
            elif code != TopicAlreadyExistsError.errno:
                raise for_code(code)(f"topic {name}: {message}")
        await self.wait_settled({topic.name: topic.partition_count for topic in missing})
        return created

    async def states(self, names: Sequence[str] | None = None) -> list[TopicState]:
        """Return the topics that there are, without Kafka's own."""
        described = await self._client.describe_topics(list(names) if names else None)
        return [
            _state_of(topic)
            for topic in described
            if topic["error_code"] == 0 and not topic["is_internal"]
        ]

    async def wait_settled(self, partition_counts: Mapping[str, int]) -> None:
        """Wait until the topics have that many partitions, each with a leader."""
        until = time.monotonic() + SETTLE_DEADLINE.total_seconds()
        while True:
            states = {state.name: state for state in await self.states(list(partition_counts))}
            if all(
                name in states
                and states[name].partition_count >= count
                and states[name].leaderless_count == 0
                for name, count in partition_counts.items()
            ):
                return
            if time.monotonic() >= until:
                raise StackError(f"Kafka gave no leaders to {', '.join(partition_counts)}")
            await asyncio.sleep(0.1)

    async def add_partitions(self, name: str, partition_count: int) -> None:
        """Raise a topic's number of partitions, and wait until the new ones have leaders."""
        await self._client.create_partitions({name: NewPartitions(partition_count)})
        await self.wait_settled({name: partition_count})

    async def delete(self, name: str) -> None:
        """Delete a topic with all its records; no error where there is none."""
        answer = await self._client.delete_topics([name])
        for _, code in answer.topic_error_codes:
            if code not in (0, UnknownTopicOrPartitionError.errno):
                raise for_code(code)(f"topic {name}")

    async def spans(self, name: str) -> dict[int, Span]:
        """Return the offsets that each partition of a topic holds now."""
        partitions = await self._partitions(name)
        async with self._consumer() as consumer:
            starts, ends = await asyncio.gather(
                consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
            )
        return {p.partition: Span(starts[p], ends[p]) for p in partitions}

    async def record_at(self, name: str, partition: int, offset: int) -> Record | None:
        """Return one record; None where the log no longer, or not yet, has it."""
        place = TopicPartition(name, partition)
        async with self._consumer() as consumer:
            consumer.assign([place])
            consumer.seek(place, offset)
            try:
                found = await consumer.getmany(timeout_ms=READ_TIMEOUT_MS, max_records=1)
            except OffsetOutOfRangeError:
                return None
        records: list[Record] = found.get(place, [])
        return next((record for record in records if record.offset == offset), None)

    async def _partitions(self, name: str) -> list[TopicPartition]:
        states = await self.states([name])
        if not states:
            raise StackError(f"there is no topic {name}")
        return [TopicPartition(name, number) for number in range(states[0].partition_count)]

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            **self._connection, enable_auto_commit=False, auto_offset_reset="none"
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


def _state_of(topic: Mapping[str, Any]) -> TopicState:
    partitions = topic["partitions"]
    return TopicState(
        name=topic["topic"],
        partition_count=len(partitions),
        replica_count=max((len(p["replicas"]) for p in partitions), default=0),
        in_sync_count=min((len(p["isr"]) for p in partitions), default=0),
        leaderless_count=sum(p["leader"] < 0 for p in partitions),
    )
