"""Merging keeps the slices few, takes only sealed neighbours, and rewrites no row often."""

import math
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.writer.domain.merging import (
    LONGEST_SPAN,
    MERGE_FROM_COUNT,
    MOST_ROW_COUNT,
    RUN_COUNT,
    Part,
    merge_of,
    plan_merge,
)
from services.writer.domain.slicing import Bounds, slice_name

START = datetime(2026, 1, 1, tzinfo=UTC)
MOST_COUNT = MERGE_FROM_COUNT * 5 // 4

states = st.sampled_from(["sealed"] * 12 + ["hot", "both", "archived", "restored"])
row_counts = st.integers(0, 3_000_000)
gaps = st.sampled_from([0] * 20 + [1, 60, 100_000])
shapes = st.lists(st.tuples(states, row_counts, gaps), min_size=1, max_size=40)


def make_parts(
    shapes: list[tuple[str, int, int]], width: timedelta = timedelta(minutes=5)
) -> list[Part]:
    parts, lower = [], START
    for state, row_count, gap in shapes:
        bounds = Bounds(lower, lower + width)
        parts.append(Part(slice_name("t", bounds), bounds, state, row_count))
        lower = bounds.upper + gap * timedelta(minutes=1)
    return parts


def merged(parts: list[Part], sources: tuple[Part, ...]) -> list[Part]:
    merge = merge_of("t", sources)
    at = parts.index(sources[0])
    assert parts[at : at + len(sources)] == list(sources)
    rows = sum(part.row_count for part in sources)
    return [
        *parts[:at],
        Part(merge.name, merge.bounds, "sealed", rows),
        *parts[at + len(sources) :],
    ]


@given(shapes, st.integers(0, 30))
def test_only_sealed_neighbours_within_the_limits_are_merged(
    shapes: list[tuple[str, int, int]], from_count: int
) -> None:
    parts = make_parts(shapes)
    rows = sum(part.row_count for part in parts)
    others = [part for part in parts if part.state != "sealed"]
    while (merge := plan_merge("t", parts, from_count)) is not None:
        assert 2 <= len(merge.sources) <= RUN_COUNT
        assert all(part.state == "sealed" for part in merge.sources)
        assert sum(part.row_count for part in merge.sources) <= MOST_ROW_COUNT
        assert merge.bounds.upper - merge.bounds.lower <= LONGEST_SPAN
        assert merge.name not in {part.name for part in parts}
        parts = merged(parts, merge.sources)
        assert parts == sorted(parts, key=lambda part: part.bounds.lower)
    assert sum(part.row_count for part in parts) == rows
    assert [part for part in parts if part.state != "sealed"] == others


@given(st.integers(1, 400_000), st.integers(0, 100), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_slices_stay_few_and_rows_are_rewritten_seldom(
    typical: int, unevenness: int, chance: object
) -> None:
    """A stream of slices, sealed one by one: what an installation sees in some days."""
    assert hasattr(chance, "random")
    parts: list[Part] = []
    stored = rewritten = 0
    count = 1_500
    for number in range(count):
        bounds = Bounds(
            START + number * timedelta(minutes=1), START + (number + 1) * timedelta(minutes=1)
        )
        rows = int(typical * (1 + unevenness * chance.random() / 100))
        stored += rows
        parts.append(Part(slice_name("t", bounds), bounds, "sealed", rows))
        while (merge := plan_merge("t", parts)) is not None:
            rewritten += sum(part.row_count for part in merge.sources)
            parts = merged(parts, merge.sources)
        assert len(parts) <= MOST_COUNT
    assert rewritten <= stored * (1 + math.log(count / MERGE_FROM_COUNT, RUN_COUNT)) * 1.5


def test_few_slices_are_left_alone() -> None:
    parts = make_parts([("sealed", 10, 0)] * MERGE_FROM_COUNT)
    assert plan_merge("t", parts) is None
    assert plan_merge("t", make_parts([("sealed", 10, 0)] * (MERGE_FROM_COUNT + 1))) is not None


def test_a_large_slice_is_not_rewritten_for_a_few_small_ones() -> None:
    small, large = ("sealed", 300_000, 0), ("sealed", 7_000_000, 0)
    parts = make_parts([*[large] * MERGE_FROM_COUNT, *[small] * 7])
    assert plan_merge("t", parts) is None
    parts = make_parts([*[large] * MERGE_FROM_COUNT, *[small] * 8])
    merge = plan_merge("t", parts)
    assert merge is not None
    assert {part.row_count for part in merge.sources} == {300_000}


def test_limits_win_over_the_count() -> None:
    assert plan_merge("t", make_parts([("sealed", 5_000_000, 0)] * 300)) is None
    wide = make_parts([("sealed", 10, 0)] * 300, timedelta(days=4))
    assert plan_merge("t", wide) is None
