"""Reading a topic's records, as much of it as our consumers need, and the Kafka side of it.

The consumer loop is written against `LogReader`, so that the same contract tests hold for Kafka
and for the log in memory.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from libs.common.kafka.records import Record
from libs.common.telemetry.logs import get_logger
from libs.common.topics import RECORD_MAX_BYTES

log = get_logger(__name__)

_MS = timedelta(milliseconds=1)


class LogUnavailable(Exception):
    """The log cannot be read just now; the same call may succeed later."""


@dataclass(frozen=True)
class Span:
    """The offsets that a partition holds: from `start` up to, but without, `end`."""

    start: int
    end: int


Leave = Callable[[Collection[int]], Awaitable[None]]
"""Awaited before partitions are given to another member."""


class LogReader(Protocol):
    """Reads the partitions of one topic that its group gives to it."""

    topic: str

    async def start(self, on_leave: Leave) -> None:
        """Join the group; raises LogUnavailable."""
        ...

    async def stop(self) -> None:
        """Leave the group, so that others need not wait for the session to end."""
        ...

    @property
    def generation(self) -> int:
        """Return a number that changes with every assignment."""
        ...

    def assigned(self) -> frozenset[int]:
        """Return the partitions that this member has now."""
        ...

    async def poll(self, wait: timedelta, most: int) -> Mapping[int, Sequence[Record]]:
        """Return what is there, by partition in order of offset; waits only while nothing is.

        A partition whose position the log no longer holds is reported by `take_lost`.
        """
        ...

    def take_lost(self) -> set[int]:
        """Return, once, the partitions that were found to be out of range."""
        ...

    def seek(self, partition: int, offset: int) -> bool:
        """Go on from there; False where the partition is not ours any more."""
        ...

    def halt(self, partition: int, offset: int) -> None:
        """Read nothing from a partition until the next `seek`."""
        ...

    async def spans(self, partitions: Collection[int]) -> dict[int, Span]:
        """Return the offsets that the log holds; raises LogUnavailable."""
        ...

    async def partition_count(self) -> int:
        """Return how many partitions the topic has; raises LogUnavailable."""
        ...

    async def cluster_id(self) -> str:
        """Return the log's identity; raises LogUnavailable."""
        ...

    async def show_progress(self, next_offsets: Mapping[int, int]) -> None:
        """Tell the log how far we are, for displays of lag only; never raises."""
        ...


@dataclass(frozen=True)
class ReaderLimits:
    """Times of the group protocol and sizes of fetches, as measured under faults."""

    session: timedelta = timedelta(seconds=6)
    heartbeat: timedelta = timedelta(seconds=1.5)
    request: timedelta = timedelta(seconds=8)
    rebalance: timedelta = timedelta(seconds=10)
    max_poll_interval: timedelta = timedelta(seconds=60)
    fetch_wait: timedelta = timedelta(milliseconds=50)
    fetch_least_bytes: int = 256 * 1024
    """Gather for up to `fetch_wait` below it: answering every record at once costs the broker and
    us several times the CPU with small batches, and gains nothing that a reader would notice."""
    partition_fetch_bytes: int = 2 * 1024 * 1024
    """A larger record comes through all the same, alone."""


class KafkaReader:
    """A member of a Kafka consumer group, through aiokafka."""

    def __init__(
        self, topic: str, group: str, connection: dict[str, Any], limits: ReaderLimits | None = None
    ) -> None:
        self.topic = topic
        self._group = group
        self._connection = connection
        self._limits = limits or ReaderLimits()
        self._consumer: AIOKafkaConsumer | None = None
        self._listener = _Listener()
        self._lost: set[int] = set()

    async def start(self, on_leave: Leave) -> None:
        """Join the group; raises LogUnavailable."""
        limits = self._limits
        consumer = AIOKafkaConsumer(
            **self._connection,
            group_id=self._group,
            enable_auto_commit=False,
            # Never a silent jump: an offset that is gone has to stop its partition.
            auto_offset_reset="none",
            session_timeout_ms=limits.session // _MS,
            heartbeat_interval_ms=limits.heartbeat // _MS,
            request_timeout_ms=limits.request // _MS,
            rebalance_timeout_ms=limits.rebalance // _MS,
            max_poll_interval_ms=limits.max_poll_interval // _MS,
            fetch_max_wait_ms=limits.fetch_wait // _MS,
            fetch_min_bytes=self._limits.fetch_least_bytes,
            fetch_max_bytes=max(RECORD_MAX_BYTES, 16 * limits.partition_fetch_bytes),
            max_partition_fetch_bytes=limits.partition_fetch_bytes,
            retry_backoff_ms=200,
            metadata_max_age_ms=10_000,
        )
        self._listener.on_leave = on_leave
        try:
            async with asyncio.timeout(limits.request.total_seconds()):
                await consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await consumer.stop()
            raise LogUnavailable(repr(error)) from error
        consumer.subscribe([self.topic], listener=self._listener)
        self._consumer = consumer

    async def stop(self) -> None:
        """Leave the group; at most five seconds."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(5):
                    await consumer.stop()

    @property
    def generation(self) -> int:
        """Return a number that changes with every assignment."""
        return self._listener.generation

    def assigned(self) -> frozenset[int]:
        """Return the partitions that this member has now."""
        return frozenset(self._listener.assigned)

    async def poll(self, wait: timedelta, most: int) -> Mapping[int, Sequence[Record]]:
        """See `LogReader.poll`. Has its own time limit: do not cancel it."""
        try:
            found = await self._client().getmany(timeout_ms=wait // _MS, max_records=most)
        except NoOffsetForPartitionError:
            # It ran before the loop sought the partition's offset; nothing was skipped.
            return {}
        except OffsetOutOfRangeError as error:
            self._lost |= {tp.partition for tp in error.args[0]}
            return {}
        except KafkaError as error:
            log.warning("poll failed", error=repr(error))
            await asyncio.sleep(self._limits.fetch_wait.total_seconds())
            return {}
        return {tp.partition: records for tp, records in found.items()}

    def take_lost(self) -> set[int]:
        """Return, once, the partitions that were out of range."""
        lost, self._lost = self._lost, set()
        return lost

    def seek(self, partition: int, offset: int) -> bool:
        """See `LogReader.seek`."""
        tp = TopicPartition(self.topic, partition)
        try:
            self._client().seek(tp, offset)
            self._client().resume(tp)
        except IllegalStateError:
            return False
        return True

    def halt(self, partition: int, offset: int) -> None:
        """See `LogReader.halt`."""
        tp = TopicPartition(self.topic, partition)
        with contextlib.suppress(IllegalStateError):
            # Without any position the fetcher would look for a committed one again and again.
            self._client().seek(tp, offset)
            self._client().pause(tp)

    async def spans(self, partitions: Collection[int]) -> dict[int, Span]:
        """See `LogReader.spans`."""
        wanted = [TopicPartition(self.topic, partition) for partition in partitions]
        if not wanted:
            return {}
        try:
            async with asyncio.timeout(self._limits.request.total_seconds()):
                starts = await self._client().beginning_offsets(wanted)
                ends = await self._client().end_offsets(wanted)
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable(repr(error)) from error
        return {tp.partition: Span(starts[tp], ends[tp]) for tp in wanted}

    async def partition_count(self) -> int:
        """See `LogReader.partition_count`."""
        found = self._client().partitions_for_topic(self.topic)
        if not found:
            raise LogUnavailable(f"no topic {self.topic}")
        return len(found)

    async def cluster_id(self) -> str:
        """See `LogReader.cluster_id`."""
        # aiokafka keeps no cluster id of the metadata it reads; its admin client asks for it.
        from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415 - slow, and used once

        admin = AIOKafkaAdminClient(**self._connection)
        try:
            async with asyncio.timeout(self._limits.request.total_seconds()):
                await admin.start()
                return str((await admin.describe_cluster())["cluster_id"])
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable(repr(error)) from error
        finally:
            await admin.close()

    async def show_progress(self, next_offsets: Mapping[int, int]) -> None:
        """Commit to Kafka's group, for displays of lag only; never raises."""
        try:
            async with asyncio.timeout(2):
                await self._client().commit(
                    {TopicPartition(self.topic, p): offset for p, offset in next_offsets.items()}
                )
        except (KafkaError, OSError, TimeoutError, ValueError) as error:
            log.debug("progress not shown", error=repr(error))

    def _client(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise LogUnavailable("not started")
        return self._consumer


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka publishes no types
    """Only takes note: aiokafka swallows what a listener raises, so the loop does the work."""

    def __init__(self) -> None:
        self.assigned: set[int] = set()
        self.generation = 0
        self.on_leave: Leave | None = None

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if self.on_leave is not None and revoked:
            await self.on_leave([tp.partition for tp in revoked])
        self.assigned = set()
        self.generation += 1

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self.assigned = {tp.partition for tp in assigned}
        self.generation += 1
