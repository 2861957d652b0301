"""Quotas of ingest keys: events a minute, for each gateway process."""

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from services.ingest.domain.errors import RateLimited
from services.ingest.domain.keys import IngestKeyRecord


class Quotas:
    """Counts events by key. N gateway processes allow N times a quota (docs/guide/ingest.md)."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, key: IngestKeyRecord, event_count: int) -> None:
        """Count a batch; raises RateLimited with the time to wait where the quota is used up."""
        quota = key.quota_per_minute
        if quota is None:
            return
        item = RateLimitItemPerMinute(quota)
        if self._limiter.hit(item, key.id, cost=event_count):
            return
        error = RateLimited(f"more than {quota} events a minute with this key")
        error.retry_after_s = 5
        raise error
