"""Keeps `complete_through` and the lag of each partition up to date, once a second."""

import asyncio
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from libs.common.clock import Clock
from libs.common.runtime import LoopWatch
from libs.common.telemetry.logs import get_logger
from services.query.domain.completeness import Completeness, advance
from services.query.store.offsets import OffsetStore

PERIOD = timedelta(seconds=1)
_TIMEOUT_MS = 3_000
_RECONNECT = timedelta(seconds=2)
_LOOP = "completeness"

log = get_logger(__name__)


class CompletenessJob:
    """Reads Kafka's end offsets, then the stored offsets; while Kafka is away the last state stays.

    No consumer group: it only asks for offsets, and fetches no record.
    """

    def __init__(
        self,
        connection_options: dict[str, Any],
        topic: str,
        offsets: OffsetStore,
        clock: Clock,
        watch: LoopWatch,
    ) -> None:
        self._options = connection_options
        self._topic = topic
        self._offsets = offsets
        self._clock = clock
        self._watch = watch
        self.state = Completeness()

    async def run(self) -> None:
        """Go on until cancelled; connects again after every failure."""
        while True:
            self._watch.beat(_LOOP)
            try:
                await self._watch_kafka()
            except (KafkaError, OSError, TimeoutError, *self._offsets.failures) as error:
                log.warning("completeness is not known now", error=repr(error)[:300])
            await asyncio.sleep(_RECONNECT.total_seconds())

    async def _watch_kafka(self) -> None:
        admin = AIOKafkaAdminClient(**self._options, request_timeout_ms=_TIMEOUT_MS)
        consumer = AIOKafkaConsumer(
            **self._options, request_timeout_ms=_TIMEOUT_MS, enable_auto_commit=False
        )
        try:
            await admin.start()
            await consumer.start()
            while True:
                await self._refresh(admin, consumer)
                self._watch.beat(_LOOP)
                await asyncio.sleep(PERIOD.total_seconds())
        finally:
            await consumer.stop()
            await admin.close()

    async def _refresh(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        # asked anew each time: a partition that was just added must count
        described = await admin.describe_topics([self._topic])
        partitions = [
            TopicPartition(self._topic, part["partition"])
            for topic in described
            for part in topic["partitions"]
        ]
        if not partitions:
            return
        read_at = self._clock.now()
        ends = await consumer.end_offsets(partitions)
        stored = await self._offsets.stored(self._topic)
        end_offsets = {place.partition: int(end) for place, end in ends.items()}
        self.state = advance(self.state, end_offsets, stored, read_at)
