"""Limits of the ingest contract, and the caps of stored text."""

from dataclasses import dataclass
from datetime import timedelta

SHORT_CAP_BYTES = 256
"""source, environment, release, module, trace, session and user id: they are indexed."""
EXCEPTION_TYPE_CAP_BYTES = 512
PATH_CAP_BYTES = 2_000
MESSAGE_CAP_BYTES = 32 * 1024


@dataclass(frozen=True)
class BatchLimits:
    """What a batch may be at the most."""

    body_bytes: int = 5 * 1024 * 1024
    event_count: int = 1_000
    request_event_count: int = 50_000
    """Of a request of another format, which becomes several batches."""
    event_bytes: int = 64 * 1024
    depth: int = 32
    object_keys: int = 256
    past: timedelta = timedelta(days=7)
    backfill_past: timedelta = timedelta(days=90)
    """For server keys with the right to write back."""
    future: timedelta = timedelta(minutes=5)
    tolerated_skew: timedelta = timedelta(seconds=60)
    """A sender's clock is corrected beyond this only."""


def cut_text(text: str, cap_bytes: int) -> str:
    """Cut a text to a number of UTF-8 bytes, at a character."""
    return text.encode()[:cap_bytes].decode(errors="ignore")
