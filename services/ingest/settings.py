"""Settings of the gateway."""

from datetime import timedelta
from pathlib import Path

from libs.common.settings import CommonSettings
from libs.common.topics import TELEMETRY
from services.ingest.domain.limits import BatchLimits


class IngestSettings(CommonSettings):
    """What the gateway reads, `HEADWATER_…`."""

    instance: str | None = None
    """A name that no two running processes share and that a restart keeps; else host and pid."""
    telemetry_topic: str = TELEMETRY.name
    redaction_rules_file: Path | None = None
    """Custom rules, checked at start; see docs/guide/redaction.md."""
    max_body_bytes: int = 5 * 1024 * 1024
    max_events: int = 1_000
    max_event_bytes: int = 64 * 1024
    max_depth: int = 32
    max_object_keys: int = 256
    body_timeout: timedelta = timedelta(seconds=20)
    inflight_bytes: int = 64 * 1024 * 1024
    """Bodies being read or published at once; beyond it new ones are answered 503."""
    keys_refresh: timedelta = timedelta(seconds=5)
    ledger_flush: timedelta = timedelta(seconds=5)
    drain_grace: timedelta = timedelta(seconds=10)

    def limits(self) -> BatchLimits:
        """Return the limits of a batch."""
        return BatchLimits(
            body_bytes=self.max_body_bytes,
            event_count=self.max_events,
            event_bytes=self.max_event_bytes,
            depth=self.max_depth,
            object_keys=self.max_object_keys,
        )
