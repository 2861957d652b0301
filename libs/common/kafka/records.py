"""A Kafka record as our code sees it. No IO: domains may use it."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class Record(Protocol):
    """One record; `timestamp` is the log's own time of appending, in ms since 1970."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def record_time(timestamp_ms: int) -> datetime:
    """Return Kafka's time of a record as a moment."""
    return _EPOCH + timestamp_ms * _MS
