"""Publishing accepted batches to `telemetry`."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from libs.common.clock import Clock
from libs.common.kafka.producer import (
    NotPublished,
    OutcomeUnknown,
    Publisher,
    PublisherLimits,
    Receipt,
    RecordTooLarge,
)
from libs.common.telemetry.metrics import Metrics
from services.ingest.domain.batch import Verdict
from services.ingest.domain.errors import RecordRefused, Unavailable
from services.ingest.domain.keys import IngestKeyRecord
from services.ingest.domain.ledger import Ledger, Tally

_ATTEMPT = PublisherLimits().deadline
_PAUSE = timedelta(milliseconds=250)
_NONE: Counter[str] = Counter()


class BatchPublisher:
    """Puts a verdict's record into Kafka and books the events' fate."""

    def __init__(
        self, publisher: Publisher, topic: str, ledger: Ledger, metrics: Metrics, clock: Clock
    ) -> None:
        self._publisher = publisher
        self._topic = topic
        self._ledger = ledger
        self._clock = clock
        self._seconds = metrics.histogram("headwater_ingest_publish_seconds")
        events = "headwater_ingest_events_total"
        self._accepted = metrics.count(events, "accepted")
        self._rejected = metrics.count(events, "rejected")
        self._unknown = metrics.count(events, "unknown")
        self.paused_reason: str | None = None

    async def publish(self, verdict: Verdict) -> Receipt | None:
        """Return once Kafka has the record; raises RecordRefused or Unavailable.

        Events count as received where they became accepted, rejected or unknown; what is certainly
        not published will come again and counts then. A replayed letter was counted long ago.
        """
        if self.paused_reason is not None:
            raise Unavailable(self.paused_reason)
        accepted_count = verdict.accepted_count
        if accepted_count == 0:
            self._book(verdict, accepted=0, unknown=0)
            return None
        started = self._clock.monotonic()
        try:
            receipt = await self._publisher.publish(self._topic, verdict.record_key, verdict.value)
        except OutcomeUnknown as error:
            self._book(verdict, accepted=0, unknown=accepted_count)
            raise Unavailable("Kafka did not acknowledge in time") from error
        except asyncio.CancelledError:
            # the drain's grace time is over; the record may be on its way
            self._book(verdict, accepted=0, unknown=accepted_count)
            raise
        except NotPublished as error:
            raise Unavailable("Kafka cannot be reached") from error
        except RecordTooLarge as error:
            raise RecordRefused("send the batch in smaller parts") from error
        self._seconds.observe(self._clock.monotonic() - started)
        self._book(verdict, accepted=accepted_count, unknown=0)
        return receipt

    async def publish_all(self, verdicts: Sequence[Verdict], until: float | None = None) -> None:
        """Return once Kafka has every record; raises what `publish` raises, after all have ended.

        What Kafka does not take is sent again until that monotonic time; each attempt counts.
        """
        sends = (self._publish_until(verdict, until) for verdict in verdicts)
        for outcome in await asyncio.gather(*sends, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _publish_until(self, verdict: Verdict, until: float | None) -> None:
        while True:
            try:
                await self.publish(verdict)
            except Unavailable:
                # an attempt may take its own deadline, and is not begun without that much time left
                left = 0.0 if until is None else until - self._clock.monotonic()
                if left <= _ATTEMPT.total_seconds():
                    raise
                await asyncio.sleep(_PAUSE.total_seconds())
            else:
                return

    def reject(self, key: IngestKeyRecord, received_at: datetime, reasons: Counter[str]) -> None:
        """Book events that never became part of a batch."""
        count = reasons.total()
        if count:
            self._rejected.value += count
            self._ledger.book(key.id, received_at, Tally(count, rejected=reasons))

    def _book(self, verdict: Verdict, *, accepted: int, unknown: int) -> None:
        header = verdict.header
        if header.letter_id is not None:
            return
        rejected = Counter(verdict.rejected.values()) if verdict.rejected else _NONE
        self._accepted.value += accepted
        self._rejected.value += len(verdict.rejected)
        self._unknown.value += unknown
        counts = Tally(verdict.event_count, accepted, unknown, rejected)
        self._ledger.book(header.key_id, header.received_at, counts)
