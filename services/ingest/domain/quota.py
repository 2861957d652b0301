"""Quotas of ingest keys: events a minute, for each gateway process."""

import math

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from services.ingest.domain.errors import BatchTooLarge, RateLimited
from services.ingest.domain.keys import IngestKeyRecord


class Quotas:
    """Counts events by key. N gateway processes allow N times a quota (docs/guide/ingest.md)."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, key: IngestKeyRecord, event_count: int) -> None:
        """Count a batch; raises RateLimited with the time to wait where the quota is used up.

        Raises BatchTooLarge where no time would be enough.
        """
        quota = key.quota_per_minute
        if quota is None:
            return
        item = RateLimitItemPerMinute(quota)
        if event_count > quota:
            raise BatchTooLarge(f"this key may post {quota} events a minute: send smaller batches")
        if not self._limiter.hit(item, key.id, cost=event_count):
            raise _rate_limited(quota, event_count)

    def check(self, key: IngestKeyRecord) -> None:
        """Raise RateLimited where not even one event is left, before any work on the body."""
        quota = key.quota_per_minute
        if quota is not None and not self._limiter.test(RateLimitItemPerMinute(quota), key.id):
            raise _rate_limited(quota, 1)


def _rate_limited(quota: int, event_count: int) -> RateLimited:
    error = RateLimited(f"more than {quota} events a minute with this key")
    # about the time in which the sliding minute lets go of as many
    error.retry_after_s = max(1, math.ceil(60 * event_count / quota))
    return error
