"""Slices never overlap, cover what they were planned for, and count every row once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from libs.common.events.records import BatchHeader
from services.writer.domain.arrivals import Arrival
from services.writer.domain.counting import SliceCounts, count_arrivals, count_rows
from services.writer.domain.slicing import (
    WIDTHS,
    Bounds,
    SliceMap,
    plan_ahead,
    plan_slices,
    slice_name,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2026, 10, 1), datetime(2026, 11, 23, 12, 5), timezones=st.just(UTC))
widths = st.sampled_from(WIDTHS)
rounds = st.lists(st.tuples(st.lists(moments, max_size=12), widths), min_size=1, max_size=5)


def made(rounds: list[tuple[list[datetime], timedelta]]) -> SliceMap:
    slices = SliceMap()
    for number, (missing, width) in enumerate(rounds):
        planned = (
            plan_slices(slices, sorted(m for m in missing if slices.find(m) is None), NOW, width)
            if number % 2 == 0
            else plan_ahead(slices, NOW, width, 2)
        )
        for bounds in planned:
            slices.insert(bounds, slice_name("t", bounds))
    return slices


@given(rounds)
def test_slices_never_overlap_and_names_are_unique(
    rounds: list[tuple[list[datetime], timedelta]],
) -> None:
    slices = made(rounds)
    assert slices.lowers == sorted(slices.lowers)
    pairs = list(zip(slices.lowers, slices.uppers, strict=True))
    assert all(lower < upper for lower, upper in pairs)
    assert all(pairs[n][1] <= pairs[n + 1][0] for n in range(len(pairs) - 1))
    assert len(set(slices.names)) == len(slices.names)


@given(st.lists(moments, min_size=1, max_size=30), rounds, widths)
def test_every_moment_has_a_slice_after_planning(
    missing: list[datetime],
    rounds: list[tuple[list[datetime], timedelta]],
    width: timedelta,
) -> None:
    slices = made(rounds)
    for bounds in plan_slices(
        slices, sorted(m for m in missing if slices.find(m) is None), NOW, width
    ):
        slices.insert(bounds, slice_name("t", bounds))
    for moment in missing:
        at = slices.find(moment)
        assert at is not None
        assert slices.lowers[at] <= moment < slices.uppers[at]


@given(st.lists(st.lists(st.tuples(moments, st.uuids()), max_size=8), max_size=6))
def test_counts_by_batch_equal_counts_by_row(batches: list[list[tuple[datetime, UUID]]]) -> None:
    slices = SliceMap()
    everything = sorted(moment for batch in batches for moment, _ in batch)
    for bounds in plan_slices(slices, everything, NOW, WIDTHS[2]):
        slices.insert(bounds, slice_name("t", bounds))
    header = BatchHeader("shop", UUID(int=0), "key", NOW, b"")
    arrivals = [
        Arrival(
            number % 2,
            number,
            NOW,
            header,
            (list(rows), [], []),
            0,
            min((moment for moment, _ in rows), default=None),
            max((moment for moment, _ in rows), default=None),
            (sum(row_id.int for _, row_id in rows), 0, 0),
        )
        for number, rows in enumerate(batches)
    ]
    by_batch: SliceCounts = {}
    count_arrivals(slices, arrivals, 0, by_batch)
    by_row: SliceCounts = {}
    for arrival in arrivals:
        count_rows(slices, {arrival.partition: arrival.rows[0]}, by_row)
    assert by_batch == by_row
    total = sum(checksum for _, checksum in by_row.values()) % (1 << 128)
    ids = [row_id.int for batch in batches for _, row_id in batch]
    assert total == sum(ids) % (1 << 128)
    assert sum(count for count, _ in by_row.values()) == len(ids)


@given(moments, widths)
def test_a_slice_holds_its_moment(moment: datetime, width: timedelta) -> None:
    bounds = SliceMap().fit(moment, width)
    assert bounds.lower <= moment < bounds.upper
    assert bounds == Bounds(bounds.lower, bounds.lower + width)
