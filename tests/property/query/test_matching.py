"""A block of rows finds what each row by itself would be asked for."""

from dataclasses import dataclass
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from libs.common.text import fold_case
from services.query.domain.conditions import SIDES, Compared, Contains, Side
from services.query.domain.matching import Block, numbers

TEXTS = st.text(alphabet="abAB\0\n \u0130\u03a3\u03c3", max_size=6)
NUMBERS = st.none() | st.integers(-3, 3) | st.sampled_from([-0.0, 0.5, 1e300])


@dataclass
class Row:
    """As much of an event as these conditions look at."""

    message: str = ""
    duration_ms: float | None = None


@given(st.lists(TEXTS, max_size=8), TEXTS)
def test_a_piece_is_found_in_each_message_and_never_across_two(
    messages: list[str], piece: str
) -> None:
    block = Block([Row(message) for message in messages])
    found = list(numbers(block.matches(Contains(piece))))
    folded = fold_case(piece)
    assert found == [at for at, text in enumerate(messages) if folded in fold_case(text)]


@given(st.lists(NUMBERS, max_size=8), st.sampled_from(get_args(Side)), st.integers(-3, 3))
def test_a_comparison_finds_each_number_on_its_side_and_no_row_without_one(
    values: list[float | None], side: Side, bound: float
) -> None:
    block = Block([Row(duration_ms=value) for value in values])
    found = list(numbers(block.matches(Compared("duration_ms", side, bound))))
    is_beyond = SIDES[side]
    assert found == [
        at for at, value in enumerate(values) if value is not None and is_beyond(value, bound)
    ]
