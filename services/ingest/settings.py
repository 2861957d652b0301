"""Settings of the gateway."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from libs.common.settings import CommonSettings, Count
from libs.common.topics import TELEMETRY
from services.ingest.domain.limits import BatchLimits


class IngestSettings(CommonSettings):
    """What the gateway reads, `HEADWATER_…`."""

    instance: str | None = None
    """A name that no two running processes share and that a restart keeps; else host and pid."""
    telemetry_topic: str = TELEMETRY.name
    """Kafka topic that batches are published to."""
    redaction_rules_file: Path | None = None
    """Custom rules, checked at start; see docs/guide/redaction.md."""
    max_body_bytes: Count = 5 * 1024 * 1024
    """Of a decompressed body; beyond it 413."""
    max_foreign_body_bytes: Count = 20 * 1024 * 1024
    """The same for OpenTelemetry and Sentry clients, which decide themselves how much they send."""
    max_events: Count = 1_000
    """Of one batch; beyond it 413."""
    max_event_bytes: Count = 64 * 1024
    """Of one event; a larger one is rejected alone."""
    max_depth: Count = 32
    """How deep an event may be nested; deeper ones are rejected."""
    max_object_keys: Count = 256
    """Keys of one object; an event with more is rejected."""
    body_timeout: timedelta = timedelta(seconds=20)
    """Time for a body to arrive; beyond it 408."""
    inflight_bytes: Count = 64 * 1024 * 1024
    """Bodies being read or published at once; beyond it new ones are answered 503."""
    waiting_bytes: Count = 32 * 1024 * 1024
    """Bodies of Sentry clients that are being read or wait for Kafka; beyond it 429. On top of it
    a quarter for bodies whose key is not in the head, until it is known."""
    sentry_patience: timedelta = timedelta(seconds=20)
    """How long a Sentry client waits for Kafka: what it is refused, it throws away."""
    keys_refresh: timedelta = timedelta(seconds=5)
    """How often keys are read again. With 5 s gateways know a change within ten."""
    # at the most: one silent for 15 s counts as gone where a topic grows, for 30 s in the ledger
    ledger_flush: timedelta = Field(
        default=timedelta(seconds=5), gt=timedelta(0), le=timedelta(seconds=10)
    )
    """How often counts, and with them a sign of life, are written to the ledger; at most 10 s."""
    drain_grace: timedelta = timedelta(seconds=10)
    """After SIGTERM, for requests that run."""

    def limits(self) -> BatchLimits:
        """Return the limits of a batch."""
        return BatchLimits(
            body_bytes=self.max_body_bytes,
            event_count=self.max_events,
            event_bytes=self.max_event_bytes,
            depth=self.max_depth,
            object_keys=self.max_object_keys,
        )
