"""Widths, plans and rates of slices."""

from datetime import UTC, datetime, timedelta

import pytest

from services.writer.domain.slicing import (
    FIRST_WIDTH,
    WIDEST_HOT,
    WIDTHS,
    Bounds,
    RateMeter,
    SliceMap,
    plan_ahead,
    plan_slices,
    slice_name,
    width_for,
)

NOON = datetime(2026, 11, 23, 12, 0, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("rate", "width"),
    [
        (0.0, WIDEST_HOT),
        (83.0, WIDEST_HOT),
        (90.0, timedelta(minutes=15)),
        (1_000.0, timedelta(minutes=5)),
        (5_000.0, MINUTE),
        (20_000.0, timedelta(seconds=15)),
        (1_000_000.0, timedelta(seconds=15)),
    ],
)
def test_a_hot_slice_holds_about_the_target(rate: float, width: timedelta) -> None:
    assert width_for(rate, WIDEST_HOT) == width


@pytest.mark.parametrize("seconds", [1, 5, 20, 600])
def test_no_hot_slice_is_wider_than_the_widest(seconds: int) -> None:
    meter = RateMeter(widest=timedelta(seconds=seconds))
    assert meter.width() <= meter.widest
    for at, count in ((0.0, 0), (5.0, 0), (10.0, 1_000_000)):
        meter.feed(count, at)
        assert timedelta(0) < meter.width() <= meter.widest


def test_ahead_are_the_slice_of_now_and_the_next_ones() -> None:
    planned = plan_ahead(SliceMap(), NOON, MINUTE, 2)
    assert [bounds.lower.minute for bounds in planned] == [0, 1, 2]
    slices = SliceMap()
    for bounds in planned:
        slices.insert(bounds, slice_name("app_logs", bounds))
    assert plan_ahead(slices, NOON, MINUTE, 2) == []
    assert len(plan_ahead(slices, NOON + MINUTE, MINUTE, 2)) == 1
    assert slices.names[0] == "app_logs_20261123t120000"


def test_a_wider_plan_is_cut_where_slices_begin() -> None:
    slices = SliceMap()
    slices.insert(Bounds(NOON + MINUTE, NOON + 2 * MINUTE), "there")
    [made] = plan_slices(slices, [NOON], NOON, WIDEST_HOT)
    assert made == Bounds(NOON.replace(second=0), NOON + MINUTE)


def test_old_moments_get_wide_slices_and_a_backlog_dense_ones() -> None:
    old = [NOON - timedelta(days=days) for days in range(30, 2, -1)]
    assert {b.upper - b.lower for b in plan_slices(SliceMap(), old, NOON, MINUTE)} == {WIDTHS[-1]}
    hours_ago = NOON - timedelta(hours=2)
    backlog = [hours_ago + timedelta(milliseconds=2 * n) for n in range(20_000)]
    widths = {b.upper - b.lower for b in plan_slices(SliceMap(), backlog, NOON, MINUTE)}
    # 500 rows a second: five minutes hold less than the target
    assert widths == {timedelta(minutes=5)}


def test_the_rate_rises_at_once_and_falls_slowly() -> None:
    meter = RateMeter()
    assert meter.width() == FIRST_WIDTH
    meter.feed(0, 100.0)
    meter.feed(50_000, 105.0)
    assert meter.rate == 10_000
    assert meter.width() == timedelta(seconds=15)
    meter.feed(50_000, 110.0)
    assert meter.rate is not None
    assert 5_000 < meter.rate < 10_000
    for second in range(1, 200):
        meter.feed(50_000, 110.0 + 5 * second)
    assert meter.width() == WIDEST_HOT
