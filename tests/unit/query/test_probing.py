"""How many rows are looked through first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.domain.probing import SAMPLE_COUNT, probed_count, walked_count


@given(st.integers(0, SAMPLE_COUNT), st.integers(0, SAMPLE_COUNT), st.integers(1, 1_001))
def test_the_rarer_it_is_the_farther_is_walked_until_it_is_too_far(
    some: int, more: int, wanted: int
) -> None:
    few, many = sorted((some, more))
    far, near = walked_count(few, wanted), walked_count(many, wanted)
    assert far == 0 or far >= near > 0


@pytest.mark.parametrize(("found", "wanted", "walked"), [(10, 101, 30_300), (0, 1, 0), (5, 101, 0)])
def test_a_value_in_every_200th_row_is_walked_to_and_one_in_400_is_not(
    found: int, wanted: int, walked: int
) -> None:
    assert walked_count(found, wanted) == walked


def test_a_sealed_window_is_looked_through_by_the_root_of_its_rows() -> None:
    assert [probed_count(count) for count in (1, 10_000, 90_000, 10**7, 0)] == [
        1_000,
        2_000,
        6_000,
        20_000,
        20_000,
    ]
