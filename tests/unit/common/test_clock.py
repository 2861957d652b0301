from datetime import UTC, datetime, timedelta

from libs.common.clock import SettableClock, SystemClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_system_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_settable_clock_stands_still() -> None:
    clock = SettableClock(NOON)

    assert (clock.now(), clock.monotonic()) == (NOON, 0.0)


def test_monotonic_time_never_goes_back_with_the_wall_clock() -> None:
    clock = SettableClock(NOON)
    clock.move_to(NOON + timedelta(seconds=30))
    clock.move_to(NOON - timedelta(hours=1))

    assert clock.now() == NOON - timedelta(hours=1)
    assert clock.monotonic() == 30.0
