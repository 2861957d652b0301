"""Following a topic as it grows, all partitions, without a group and without any commit."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from libs.common.ids import milliseconds
from libs.common.kafka.reader import LogUnavailable
from libs.common.kafka.records import Record
from libs.common.topics import RECORD_MAX_BYTES

_MS = timedelta(milliseconds=1)
_REQUEST = timedelta(seconds=8)
_STOP_SECONDS = 5
_FETCH_WAIT = timedelta(milliseconds=50)
_FETCH_LEAST_BYTES = 64 * 1024
"""Gather for up to the wait below it: whoever watches sees no difference, the broker does."""
_PARTITION_FETCH_BYTES = 1024 * 1024


class TopicFollower:
    """Reads what is appended to a topic. Not for storing: a record may be missed or seen twice."""

    def __init__(self, topic: str, connection: Mapping[str, Any]) -> None:
        self._topic = topic
        self._connection = dict(connection)
        self._consumer: AIOKafkaConsumer | None = None
        self.positions: dict[int, int] = {}
        """The next offset of each partition."""

    async def start(self, since: datetime | None) -> Mapping[int, int]:
        """Begin at the first records of that time, or behind the last; raises LogUnavailable.

        Returns the first offset of each partition.
        """
        consumer = AIOKafkaConsumer(
            self._topic,
            **self._connection,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            request_timeout_ms=_REQUEST // _MS,
            fetch_max_wait_ms=_FETCH_WAIT // _MS,
            fetch_min_bytes=_FETCH_LEAST_BYTES,
            fetch_max_bytes=max(RECORD_MAX_BYTES, 16 * _PARTITION_FETCH_BYTES),
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            metadata_max_age_ms=10_000,
        )
        try:
            async with asyncio.timeout(_REQUEST.total_seconds()):
                await consumer.start()
                partitions = list(consumer.assignment())
                if not partitions:
                    raise LogUnavailable(f"no topic {self._topic}")
                ends = await consumer.end_offsets(partitions)
                found = {}
                if since is not None:
                    moment = milliseconds(since)
                    found = await consumer.offsets_for_times(dict.fromkeys(partitions, moment))
        except (KafkaError, OSError, TimeoutError, LogUnavailable) as error:
            await _stop(consumer)
            raise LogUnavailable(repr(error)) from error
        firsts = {
            place.partition: found[place].offset if found.get(place) else end
            for place, end in ends.items()
        }
        self._consumer = consumer
        self.positions = dict(firsts)
        self._seek(consumer)
        return firsts

    async def poll(self, wait: timedelta, most: int) -> Sequence[Record]:
        """Return the next records, each partition's in order; raises LogUnavailable."""
        consumer = self._consumer
        if consumer is None:
            raise LogUnavailable("not started")
        if {place.partition for place in consumer.assignment()} != self.positions.keys():
            # a partition was added: the whole assignment is new, and its positions are lost
            for place in consumer.assignment():
                self.positions.setdefault(place.partition, 0)
            self._seek(consumer)
        try:
            found = await consumer.getmany(timeout_ms=wait // _MS, max_records=most)
        except KafkaError as error:
            raise LogUnavailable(repr(error)) from error
        records: list[Record] = []
        for place, some in found.items():
            if some and some[0].offset >= self.positions.get(place.partition, 0):
                records += some
                self.positions[place.partition] = some[-1].offset + 1
        return records

    async def stop(self) -> None:
        """Close the connections; at most five seconds."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await _stop(consumer)

    def _seek(self, consumer: AIOKafkaConsumer) -> None:
        for place in consumer.assignment():
            consumer.seek(
                TopicPartition(self._topic, place.partition), self.positions[place.partition]
            )


async def _stop(consumer: AIOKafkaConsumer) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS):
            await consumer.stop()
