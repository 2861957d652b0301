"""Which partitions of a poll are stored together."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from services.writer.domain.lanes import LEAST_EVENT_COUNT, share_out


def test_a_small_poll_is_one_transaction() -> None:
    assert share_out({0: LEAST_EVENT_COUNT - 1, 1: LEAST_EVENT_COUNT}) == [{0, 1}]


def test_a_large_poll_is_halved_by_its_events() -> None:
    assert share_out({0: 5_000, 1: 2_000, 2: 2_000, 3: 900}) == [{0}, {1, 2, 3}]


def test_a_partition_is_never_divided() -> None:
    assert share_out({7: 10 * LEAST_EVENT_COUNT}) == [{7}]


@given(
    st.dictionaries(st.integers(0, 40), st.integers(0, 2 * LEAST_EVENT_COUNT), min_size=1),
    st.integers(1, 5),
)
def test_every_partition_is_in_one_lane_and_no_lane_is_empty(
    event_counts: Mapping[int, int], lane_count: int
) -> None:
    lanes = share_out(event_counts, lane_count)
    together = [partition for lane in lanes for partition in lane]
    assert sorted(together) == sorted(event_counts)
    assert all(lanes)
    assert 1 <= len(lanes) <= lane_count
