"""Quotas of events a minute."""

import pytest

from services.ingest.domain.errors import BatchTooLarge, RateLimited
from services.ingest.domain.quota import Quotas
from tests.unit.ingest.making import key_record


def test_without_a_quota_nothing_is_counted() -> None:
    quotas = Quotas()
    for _ in range(50):
        quotas.check(key_record())
        quotas.take(key_record(), 1_000)
    limited = key_record(events_per_minute=1)
    quotas.take(limited, 1)
    with pytest.raises(RateLimited):
        quotas.check(limited)


def test_a_used_up_quota_says_how_long_to_wait() -> None:
    quotas, key = Quotas(), key_record(events_per_minute=100)
    quotas.take(key, 60)
    with pytest.raises(RateLimited) as caught:
        quotas.take(key, 60)
    assert caught.value.retry_after_s == 36
    assert caught.value.retryable
    # what was refused is not counted
    quotas.take(key, 40)
    with pytest.raises(RateLimited):
        quotas.check(key)


def test_keys_do_not_share_a_quota() -> None:
    quotas = Quotas()
    first, second = (key_record(id=name, events_per_minute=10) for name in ("a", "b"))
    quotas.take(first, 10)
    quotas.check(second)
    quotas.take(second, 10)
    for key in (first, second):
        with pytest.raises(RateLimited):
            quotas.check(key)


def test_a_batch_beyond_the_quota_is_not_told_to_wait() -> None:
    with pytest.raises(BatchTooLarge) as caught:
        Quotas().take(key_record(events_per_minute=10), 11)
    assert not caught.value.retryable
