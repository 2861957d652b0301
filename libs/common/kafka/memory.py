"""A log in memory with Kafka's behaviour, as far as our producers and consumers see it.

The contract tests run the same cases here and on Kafka; unit tests of consumers run on it.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from libs.common.clock import Clock
from libs.common.ids import milliseconds
from libs.common.kafka.producer import RECORD_OVERHEAD_BYTES, Receipt, RecordTooLarge
from libs.common.kafka.reader import Leave, LogUnavailable, Span
from libs.common.kafka.records import Record
from libs.common.topics import RECORD_MAX_BYTES, partition_of


@dataclass
class MemoryRecord:
    """One record; the time is the log's, as with LogAppendTime."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass
class _Partition:
    start: int = 0
    records: list[MemoryRecord] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.start + len(self.records)


class MemoryLog:
    """A cluster: topics with partitions, and one consumer group for each topic."""

    def __init__(self, clock: Clock, cluster_id: str = "memory") -> None:
        self.clock = clock
        self.cluster_id = cluster_id
        self.is_available = True
        self.appended = asyncio.Event()
        self._topics: dict[str, list[_Partition]] = {}
        self._members: dict[str, list[MemoryReader]] = {}

    def create(self, topic: str, partition_count: int) -> None:
        """Make a topic, or make it anew: empty, its offsets from 0."""
        self._topics[topic] = [_Partition() for _ in range(partition_count)]

    def partitions(self, topic: str) -> list[_Partition]:
        """Return a topic's partitions; raises LogUnavailable."""
        if not self.is_available or topic not in self._topics:
            raise LogUnavailable(topic)
        return self._topics[topic]

    def append(self, topic: str, key: bytes, value: bytes | None) -> Receipt:
        """Append behind the records of the key's partition."""
        partitions = self.partitions(topic)
        at = partition_of(key, len(partitions))
        partition = partitions[at]
        now_ms = milliseconds(self.clock.now())
        record = MemoryRecord(at, partition.end, now_ms, key, value)
        partition.records.append(record)
        self.appended.set()
        return Receipt(at, record.offset)

    def expire(self, topic: str, partition: int, start: int) -> None:
        """Let retention take the records before an offset."""
        kept = self._topics[topic][partition]
        kept.records = kept.records[max(0, start - kept.start) :]
        kept.start = start

    async def join(self, member: "MemoryReader") -> None:
        """Add a member to its topic's group and deal the partitions out again."""
        self._members.setdefault(member.topic, []).append(member)
        await self._rebalance(member.topic)

    async def leave(self, member: "MemoryReader") -> None:
        """Take a member out of its group."""
        self._members[member.topic].remove(member)
        await self._rebalance(member.topic)

    async def _rebalance(self, topic: str) -> None:
        members = self._members[topic]
        for member in members:
            await member.revoke()
        for number, member in enumerate(members):
            member.assign(range(number, len(self.partitions(topic)), len(members)))


class MemoryPublisher:
    """The producer's twin."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def publish(self, topic: str, key: bytes, value: bytes) -> Receipt | None:
        """See `Publisher.publish`."""
        if len(value) + len(key) + RECORD_OVERHEAD_BYTES > RECORD_MAX_BYTES:
            raise RecordTooLarge(f"{len(value)} bytes")
        return self._log.append(topic, key, value)


class MemoryReader:
    """The consumer's twin; see `LogReader` for what each method does."""

    def __init__(self, log: MemoryLog, topic: str) -> None:
        self.topic = topic
        self.shown: dict[int, int] = {}
        self._log = log
        self._on_leave: Leave | None = None
        self._generation = 0
        self._positions: dict[int, int | None] = {}
        self._halted: set[int] = set()
        self._lost: set[int] = set()

    async def start(self, on_leave: Leave) -> None:
        """Join the group; raises LogUnavailable."""
        self._log.partitions(self.topic)
        self._on_leave = on_leave
        await self._log.join(self)

    async def stop(self) -> None:
        """Leave the group."""
        await self._log.leave(self)

    async def revoke(self) -> None:
        """Take the partitions away, once the consumer has let go of them."""
        if self._on_leave is not None and self._positions:
            await self._on_leave(tuple(self._positions))
        self._positions = {}
        self._generation += 1

    def assign(self, partitions: Collection[int]) -> None:
        """Give partitions, without any position yet."""
        self._positions = dict.fromkeys(partitions)
        self._halted.clear()
        self._generation += 1

    @property
    def generation(self) -> int:
        """Return a number that changes with every assignment."""
        return self._generation

    def assigned(self) -> frozenset[int]:
        """Return the partitions that this member has now."""
        return frozenset(self._positions)

    async def poll(self, wait: timedelta, most: int) -> Mapping[int, Sequence[Record]]:
        """Return what is there, at most `most` records; waits only while nothing is."""
        self._log.appended.clear()
        found = self._take(most)
        if not found:
            try:
                async with asyncio.timeout(wait.total_seconds()):
                    await self._log.appended.wait()
            except TimeoutError:
                return {}
            found = self._take(most)
        return found

    def _take(self, most: int) -> dict[int, Sequence[Record]]:
        found: dict[int, Sequence[Record]] = {}
        if not self._log.is_available:
            return found
        for number, position in self._positions.items():
            if position is None or number in self._halted:
                continue
            partition = self._log.partitions(self.topic)[number]
            if not partition.start <= position <= partition.end:
                self._lost.add(number)
                continue
            first = position - partition.start
            records = partition.records[first : first + most]
            if records:
                found[number] = records
                most -= len(records)
                self._positions[number] = position + len(records)
            if most <= 0:
                break
        return found

    def take_lost(self) -> set[int]:
        """Return, once, the partitions that were out of range."""
        lost, self._lost = self._lost, set()
        return lost

    def seek(self, partition: int, offset: int) -> bool:
        """Go on from there; False where the partition is not ours any more."""
        if partition not in self._positions:
            return False
        self._positions[partition] = offset
        self._halted.discard(partition)
        return True

    def halt(self, partition: int, offset: int) -> None:
        """Read nothing from a partition until the next `seek`."""
        self._halted.add(partition)

    async def spans(self, partitions: Collection[int]) -> dict[int, Span]:
        """Return the offsets that the log holds; raises LogUnavailable."""
        there = self._log.partitions(self.topic)
        return {number: Span(there[number].start, there[number].end) for number in partitions}

    async def partition_count(self) -> int:
        """Return how many partitions the topic has; raises LogUnavailable."""
        return len(self._log.partitions(self.topic))

    async def cluster_id(self) -> str:
        """Return the log's identity; raises LogUnavailable."""
        if not self._log.is_available:
            raise LogUnavailable("cluster")
        return self._log.cluster_id

    async def show_progress(self, next_offsets: Mapping[int, int]) -> None:
        """Remember how far the consumer is."""
        self.shown |= next_offsets
