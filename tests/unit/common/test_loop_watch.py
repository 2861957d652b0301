from datetime import UTC, datetime, timedelta

import pytest

from libs.common.clock import SettableClock
from libs.common.runtime import LoopWatch

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START)


def test_loop_is_healthy_until_its_limit_has_passed(clock: SettableClock) -> None:
    watch = LoopWatch(clock)
    watch.beat("store", timedelta(seconds=10))
    clock.move_to(START + timedelta(seconds=10))
    assert watch.problems() == {}

    clock.move_to(START + timedelta(seconds=11))
    assert watch.problems() == {"store": "no progress for 11 s"}


def test_progress_makes_it_healthy_again(clock: SettableClock) -> None:
    watch = LoopWatch(clock)
    watch.beat("store", timedelta(seconds=1))
    clock.move_to(START + timedelta(seconds=5))
    watch.beat("store", timedelta(seconds=1))

    assert watch.problems() == {}


def test_a_loop_that_ended_is_watched_no_more(clock: SettableClock) -> None:
    watch = LoopWatch(clock)
    watch.beat("store", timedelta(seconds=1))
    watch.forget("store")
    watch.forget("never watched")
    clock.move_to(START + timedelta(hours=1))

    assert watch.problems() == {}
