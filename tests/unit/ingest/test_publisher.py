"""Booking what became of a batch."""

import asyncio
from collections import Counter
from datetime import datetime

import pytest

from libs.common.clock import SystemClock
from libs.common.events import decode_batch
from libs.common.kafka.producer import (
    NotPublished,
    OutcomeUnknown,
    PublishError,
    Receipt,
    RecordTooLarge,
)
from libs.common.telemetry.metrics import Metrics
from services.ingest.domain.errors import IngestError, RecordRefused, Unavailable
from services.ingest.domain.ledger import Ledger, Tally
from services.ingest.publisher import BatchPublisher
from tests.unit.ingest.making import NOW, body_of, key_record, log_event, read

HOUR = NOW.replace(minute=0, second=0, microsecond=0)
PLACE: tuple[str, datetime] = ("k1", HOUR)


class MemoryPublisher:
    """Keeps records, or fails as it is told."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.failure = failure
        self.records: list[tuple[str, bytes, bytes]] = []

    async def publish(self, topic: str, key: bytes, value: bytes) -> Receipt | None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.records.append((topic, key, value))
        return Receipt(3, len(self.records) - 1)


def publisher_on(kafka: MemoryPublisher) -> tuple[BatchPublisher, Ledger]:
    ledger = Ledger()
    return BatchPublisher(kafka, "telemetry", ledger, Metrics(), SystemClock()), ledger


VERDICT_BODY = body_of(log_event(), log_event(level="loud"), log_event())


async def test_a_batch_is_one_record() -> None:
    kafka = MemoryPublisher()
    publisher, ledger = publisher_on(kafka)
    verdict = read(VERDICT_BODY)
    assert await publisher.publish(verdict) == Receipt(3, 0)
    ((topic, key, value),) = kafka.records
    assert (topic, key) == ("telemetry", verdict.record_key)
    assert value == verdict.value
    assert decode_batch(value).event_count == verdict.accepted_count == 2
    assert ledger.changed() == {PLACE: Tally(3, 2, 0, Counter(unknown_level=1))}


@pytest.mark.parametrize(
    ("failure", "error", "counts"),
    [
        (OutcomeUnknown("late"), Unavailable, Tally(3, 0, 2, Counter(unknown_level=1))),
        (NotPublished("away"), Unavailable, None),
        (RecordTooLarge("9 MiB"), RecordRefused, None),
    ],
)
async def test_failures(
    failure: PublishError, error: type[IngestError], counts: Tally | None
) -> None:
    publisher, ledger = publisher_on(MemoryPublisher(failure))
    with pytest.raises(error):
        await publisher.publish(read(VERDICT_BODY))
    assert ledger.changed() == ({PLACE: counts} if counts else {})


async def test_a_drain_that_ends_too_early_leaves_events_unknown() -> None:
    publisher, ledger = publisher_on(MemoryPublisher(asyncio.CancelledError()))
    with pytest.raises(asyncio.CancelledError):
        await publisher.publish(read(VERDICT_BODY))
    assert ledger.changed()[PLACE].unknown == 2


async def test_counts_of_a_batch_on_its_way_are_not_lost_to_a_flush() -> None:
    publisher, ledger = publisher_on(MemoryPublisher())
    sending = asyncio.create_task(publisher.publish(read(VERDICT_BODY)))
    await asyncio.sleep(0)
    ledger.changed()
    await sending
    assert ledger.changed()[PLACE].accepted == 2


async def test_nothing_accepted_is_nothing_published() -> None:
    kafka = MemoryPublisher()
    publisher, ledger = publisher_on(kafka)
    assert await publisher.publish(read(body_of(log_event(level="loud")))) is None
    assert kafka.records == []
    assert ledger.changed() == {PLACE: Tally(1, 0, 0, Counter(unknown_level=1))}


async def test_a_paused_topic() -> None:
    kafka = MemoryPublisher()
    publisher, _ = publisher_on(kafka)
    publisher.paused_reason = "the topic grows"
    with pytest.raises(Unavailable, match="grows"):
        await publisher.publish(read(VERDICT_BODY))
    assert kafka.records == []


class LateKafka(MemoryPublisher):
    """Takes nothing at first."""

    def __init__(self, refusal_count: int) -> None:
        super().__init__()
        self.refusal_count = refusal_count

    async def publish(self, topic: str, key: bytes, value: bytes) -> Receipt | None:
        if self.refusal_count > 0:
            self.refusal_count -= 1
            raise OutcomeUnknown("late")
        return await super().publish(topic, key, value)


async def test_patience_sends_again_and_counts_each_attempt() -> None:
    kafka = LateKafka(2)
    publisher, ledger = publisher_on(kafka)
    until = SystemClock().monotonic() + 60
    await publisher.publish_all([read(VERDICT_BODY)], until)
    assert len(kafka.records) == 1
    rejected = Counter(unknown_level=3)
    assert ledger.changed() == {PLACE: Tally(9, 2, 4, rejected)}


async def test_without_patience_all_are_tried_once_and_one_failure_is_told() -> None:
    kafka = LateKafka(1)
    publisher, _ = publisher_on(kafka)
    with pytest.raises(Unavailable):
        await publisher.publish_all([read(VERDICT_BODY)] * 3)
    assert len(kafka.records) == 2


def test_what_never_became_an_event_is_booked_as_rejected() -> None:
    publisher, ledger = publisher_on(MemoryPublisher())
    publisher.reject(key_record(), NOW, Counter(malformed_event=2))
    publisher.reject(key_record(), NOW, Counter())
    assert ledger.changed() == {PLACE: Tally(2, 0, 0, Counter(malformed_event=2))}
