"""Every Kafka topic: its name, key, partitions, retention, who writes it and who reads it.

All edges of the graph between the services that run through Kafka are in this file.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from aiokafka.partitioner import murmur2

RECORD_MAX_BYTES = 8 * 1024 * 1024
"""Largest record on any topic; producer, replica and fetch limits follow it."""


@dataclass(frozen=True)
class Topic:
    """One topic as it is created."""

    name: str
    partition_count: int
    retention: timedelta
    retention_bytes: int
    """Per partition; the older of time and bytes wins, and an alarm tells how much time is left."""
    key: str
    writer: str
    readers: tuple[str, ...]
    """Consumers that keep offsets: all of them have to drain before a topic grows."""
    followers: tuple[str, ...] = ()
    """Services that look on from the end while somebody watches, and keep nothing."""
    config: dict[str, str] = field(default_factory=dict)

    def creation_config(self) -> dict[str, str]:
        """Return the topic's settings as Kafka's admin protocol takes them."""
        return {
            "retention.ms": str(self.retention // timedelta(milliseconds=1)),
            "retention.bytes": str(self.retention_bytes),
            "max.message.bytes": str(RECORD_MAX_BYTES),
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": "delete",
            **self.config,
        }


TELEMETRY = Topic(
    name="telemetry",
    partition_count=12,
    retention=timedelta(days=7),
    retention_bytes=8 * 1024**3,
    key="batch identity: application, NUL, the 16 bytes of batch_id",
    writer="ingest",
    readers=("writer",),
    followers=("query",),
)

TOPICS: tuple[Topic, ...] = (TELEMETRY,)


def partition_of(key: bytes, partition_count: int) -> int:
    """Return the partition of a record key: Kafka's murmur2, as the Java client computes it.

    Fixed for ever: all copies of a batch have to meet in one partition, whichever client sent them.
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partition_count)
