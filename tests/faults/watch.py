"""Watches a run: how long nothing was acknowledged or stored, and when it was well again."""

import asyncio
import time
from dataclasses import dataclass
from itertools import pairwise

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tests.faults.database import connect, next_offsets
from tests.faults.load import Ack, LoadState

SAMPLE_SECONDS = 0.25
DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


@dataclass(frozen=True)
class Place:
    """What is watched."""

    database_url: str
    bootstrap: str
    topic: str


class Watch:
    """Samples the stored offsets four times a second, through every fault."""

    def __init__(self, place: Place, load: LoadState) -> None:
        self._place = place
        self._load = load
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_stored_at = time.monotonic()
        self.stored: dict[int, int] = {}
        """Next offset by partition, as of the last sample."""
        self.store_gap_s = 0.0

    def start(self) -> None:
        """Begin to sample."""
        self._last_stored_at = time.monotonic()
        self._task = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        """Sample no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _run(self) -> None:
        while True:
            await self._sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _sample(self) -> None:
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._place.database_url)
            async with asyncio.timeout(2):
                offsets = await next_offsets(self._connection, self._place.topic)
        except DATABASE_ERRORS:
            if self._connection is not None:
                self._connection.terminate()
                self._connection = None
            return
        now = time.monotonic()
        if sum(offsets.values()) != sum(self.stored.values()):
            self.store_gap_s = max(self.store_gap_s, now - self._last_stored_at)
            self._last_stored_at = now
        self.stored = offsets

    @property
    def ack_gap_s(self) -> float:
        """Return the longest time without any acknowledgement between the first and the last."""
        times = [ack.acked_at for ack in self._load.acks]
        return max((after - before for before, after in pairwise(times)), default=0)

    def is_stored(self, ack: Ack) -> bool:
        """Say whether an acknowledged batch is stored; unknown places count as stored."""
        partition, offset = ack.line.partition, ack.line.offset
        if partition is None or offset is None:
            return True
        return self.stored.get(partition, 0) > offset

    async def wait_recovered(
        self, since: float, client_count: int, give_up_s: float
    ) -> float | None:
        """Return how long after `since` every client's new batches were stored; None if never.

        Every partition must also have stored what was in Kafka at that moment: a partition that
        stands still cannot hide behind others that move.
        """
        ends: dict[int, int] | None = None
        seen = len(self._load.acks)
        fresh: dict[int, Ack] = {}
        while time.monotonic() - since < give_up_s:
            for ack in self._load.acks[seen:]:
                if ack.first_sent_at >= since:
                    fresh.setdefault(ack.client, ack)
            seen = len(self._load.acks)
            if ends is None:
                ends = await end_offsets(self._place.bootstrap, self._place.topic)
            elif (
                len(fresh) == client_count
                and all(self.is_stored(ack) for ack in fresh.values())
                and all(self.stored.get(p, 0) >= end for p, end in ends.items())
            ):
                return time.monotonic() - since
            await asyncio.sleep(0.1)
        return None

    async def wait_lag_zero(self, give_up_s: float) -> dict[int, int] | None:
        """Wait until everything in Kafka is stored; return the end offsets, None if it is not."""
        until = time.monotonic() + give_up_s
        while time.monotonic() < until:
            ends = await end_offsets(self._place.bootstrap, self._place.topic)
            if ends is not None and all(self.stored.get(p, 0) >= end for p, end in ends.items()):
                return ends
            await asyncio.sleep(0.3)
        return None


async def end_offsets(bootstrap: str, topic: str) -> dict[int, int] | None:
    """Return the end of each partition; None where Kafka does not answer soon."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, request_timeout_ms=3_000
    )
    try:
        async with asyncio.timeout(6):
            await consumer.start()
            partitions = consumer.partitions_for_topic(topic)
            if not partitions:
                await consumer._client.force_metadata_update()
                partitions = consumer.partitions_for_topic(topic) or set()
            names = [TopicPartition(topic, number) for number in sorted(partitions)]
            ends = await consumer.end_offsets(names) if names else {}
    except (KafkaError, OSError, TimeoutError):
        return None
    finally:
        await consumer.stop()
    return {name.partition: end for name, end in ends.items()} or None
