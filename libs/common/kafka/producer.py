"""Publishing to Kafka with a deadline, and replacing a producer that can no longer be trusted.

PublishError
├── NotPublished      certainly not in Kafka: the caller may say so
├── OutcomeUnknown    perhaps in Kafka, now or later: only a retry with the same identity is safe
└── RecordTooLarge    never will be in Kafka
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from libs.common.clock import Clock
from libs.common.telemetry.logs import get_logger
from libs.common.time_limits import TimeLimit
from libs.common.topics import RECORD_MAX_BYTES

log = get_logger(__name__)

RECORD_OVERHEAD_BYTES = 512
"""More than Kafka's framing of a record and its batch ever takes."""


class PublishError(Exception):
    """A record was not acknowledged."""


class NotPublished(PublishError):
    """The record was not queued and will not be delivered."""


class OutcomeUnknown(PublishError):
    """The record was handed over and no acknowledgement came in time."""


class RecordTooLarge(PublishError):
    """Kafka takes no record of this size; nothing was sent."""


@dataclass(frozen=True)
class Receipt:
    """Where Kafka put a record."""

    partition: int
    offset: int


class Publisher(Protocol):
    """Puts records into topics."""

    async def publish(self, topic: str, key: bytes, value: bytes) -> Receipt | None:
        """Return once all in-sync replicas have the record; raises PublishError.

        The receipt is None where Kafka acknowledged a repeated send without saying the offset.
        Copies of a record (same key) go to the same partition. Cancelling does not undo a send.
        """
        ...


@dataclass(frozen=True)
class PublisherLimits:
    """Deadlines and sizes of the producer."""

    deadline: timedelta = timedelta(seconds=4.5)
    """From handing over to giving up; with the answer itself below the promised 5 s."""
    silence: timedelta = timedelta(seconds=30)
    """Sends wait and nothing is acknowledged for this long: try a new producer."""
    start: timedelta = timedelta(seconds=5)
    linger: timedelta = timedelta(milliseconds=5)
    batch_bytes: int = 1024 * 1024


class KafkaPublisher:
    """Publishes through aiokafka: idempotent, acks=all, zstd.

    An idempotent aiokafka batch never expires, hence our own deadline; and its sequence numbers
    cannot be rewound, hence a new producer after any error that is not a time-out.
    """

    def __init__(
        self,
        connection: dict[str, Any],
        clock: Clock,
        limits: PublisherLimits | None = None,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._limits = limits or PublisherLimits()
        self._deadline = TimeLimit(self._limits.deadline)
        self._producer: AIOKafkaProducer | None = None
        self._replacing = asyncio.Lock()
        self._generation = 0
        self._silent_since: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_replaced: Callable[[], None] | None = None

    @property
    def is_ready(self) -> bool:
        """Tell whether there is a producer that once reached the cluster."""
        return self._producer is not None

    @property
    def seconds_since_acknowledged(self) -> float:
        """Return how long Kafka has owed acknowledgements and given none; 0 while it owes none.

        Sends that timed out count too, or a producer that few use would stay broken for ever.
        """
        if self._silent_since is None:
            return 0.0
        return self._clock.monotonic() - self._silent_since

    async def start(self) -> None:
        """Connect; raises what aiokafka raises when the cluster cannot be reached in time."""
        self._producer = await self._new_producer()

    async def publish(self, topic: str, key: bytes, value: bytes) -> Receipt | None:
        """See `Publisher.publish`."""
        if len(value) + len(key) + RECORD_OVERHEAD_BYTES > RECORD_MAX_BYTES:
            raise RecordTooLarge(f"{len(value)} bytes")
        producer, generation = self._producer, self._generation
        if producer is None:
            raise NotPublished("not connected to Kafka")
        self._expect_answer()
        began = self._clock.monotonic()
        delivery: asyncio.Future[Any] | None = None
        try:
            with self._deadline.watch():
                delivery = await producer.send(topic, value, key)
                # shielded: cancelling takes nothing back, and a late answer shows that Kafka lives
                metadata = await asyncio.shield(delivery)
        except TimeoutError as error:
            if delivery is None:
                raise NotPublished("no room in the queue to Kafka") from error
            self._expect_answer()
            delivery.add_done_callback(self._hear_late)
            raise OutcomeUnknown("no acknowledgement within the deadline") from error
        except MessageSizeTooLargeError as error:
            self._replace_soon(generation, error)
            # Records of one partition travel together, and all are refused for the largest of them.
            left = self._limits.deadline.total_seconds() - (self._clock.monotonic() - began)
            metadata = await self._publish_alone((topic, value, key), left)
        except KafkaTimeoutError as error:
            if delivery is None:
                raise NotPublished("no room in the queue to Kafka") from error
            raise OutcomeUnknown(str(error)) from error
        except KafkaError as error:
            self._replace_soon(generation, error)
            if delivery is None:
                raise NotPublished(str(error)) from error
            raise OutcomeUnknown(repr(error)) from error
        self._silent_since = None
        if metadata.offset is None or metadata.offset < 0:
            return None
        return Receipt(metadata.partition, metadata.offset)

    async def _publish_alone(self, record: tuple[str, bytes, bytes], seconds: float) -> Any:
        """Send what was refused in company by a producer of its own; only alone shows its fault."""
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                producer = await self._new_producer(batch_bytes=1)
        except (TimeoutError, KafkaError, OSError) as error:
            raise NotPublished(repr(error)) from error
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                return await producer.send_and_wait(*record)
        except MessageSizeTooLargeError as error:
            raise RecordTooLarge(str(error)) from error
        except (TimeoutError, KafkaError) as error:
            raise OutcomeUnknown(repr(error)) from error
        finally:
            await _close(producer, timedelta(seconds=1))

    async def watch(self) -> None:
        """Connect when not connected, replace a producer that has been silent; runs for ever."""
        while True:
            if self._producer is None:
                await self._replace(self._generation, "not connected")
            elif self.seconds_since_acknowledged > self._limits.silence.total_seconds():
                await self._replace(self._generation, "nothing acknowledged for long")
            await asyncio.sleep(1)

    async def pause(self) -> None:
        """Let go of the producer: afterwards nothing it held can still reach Kafka."""
        async with self._replacing:
            old, self._producer = self._producer, None
            self._generation += 1
            if old is not None:
                await _close(old, self._limits.deadline)

    async def stop(self) -> None:
        """Flush what is queued, within the deadline, and close. Publish nothing afterwards."""
        for task in tuple(self._tasks):
            task.cancel()
        await self.pause()

    def _expect_answer(self) -> None:
        if self._silent_since is None:
            self._silent_since = self._clock.monotonic()

    def _hear_late(self, delivery: asyncio.Future[Any]) -> None:
        if not delivery.cancelled() and delivery.exception() is None:
            self._silent_since = None

    def _replace_soon(self, generation: int, error: Exception) -> None:
        task = asyncio.create_task(self._replace(generation, repr(error)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, generation: int, reason: str) -> None:
        """Put a new producer in place, once for all sends that noticed the old one's trouble."""
        async with self._replacing:
            if generation != self._generation:
                return
            try:
                made = await self._new_producer()
            except (KafkaError, OSError, TimeoutError) as error:
                # no quorum: the old one may still come back by itself, so it stays
                log.warning("kafka is not reachable", reason=reason, error=repr(error))
                return
            old, self._producer = self._producer, made
            self._generation += 1
            self._silent_since = None
        if old is not None:
            if self.on_replaced is not None:
                self.on_replaced()
            log.warning("replaced the Kafka producer", reason=reason)
            await _close(old, timedelta(seconds=1))

    async def _new_producer(self, batch_bytes: int | None = None) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._connection,
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            linger_ms=self._limits.linger // timedelta(milliseconds=1),
            max_batch_size=batch_bytes or self._limits.batch_bytes,
            max_request_size=RECORD_MAX_BYTES,
            request_timeout_ms=3_000,
            retry_backoff_ms=100,
            metadata_max_age_ms=10_000,
        )
        try:
            async with asyncio.timeout(self._limits.start.total_seconds()):
                await producer.start()
        except BaseException:
            # also after a failed start, or its tasks stay behind
            await _close(producer, timedelta(seconds=1))
            raise
        return producer


async def _close(producer: AIOKafkaProducer, limit: timedelta) -> None:
    """Stop a producer. `stop` flushes and so hangs without brokers: then close its parts."""
    try:
        async with asyncio.timeout(limit.total_seconds()):
            await producer.stop()
    except (TimeoutError, KafkaError):
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(1):
                await producer._sender.close()
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(1):
                await producer.client.close()
