"""Whatever order pieces of a log come in, what is taken follows the position without a hole."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from libs.common.kafka.memory import MemoryRecord
from libs.common.kafka.positions import GapFound, Position, take_from

LOG = [MemoryRecord(0, offset, 1, b"k", b"%d" % offset) for offset in range(60)]
pieces = st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20)), max_size=40)


@given(pieces)
def test_nothing_is_lost_or_doubled(pieces: list[tuple[int, int]]) -> None:
    position = Position(0)
    stored: list[int] = []
    for first, count in pieces:
        records = LOG[first : first + count]
        with contextlib.suppress(GapFound):
            take = take_from(0, position, records, records)
            if take is not None:
                assert take.expected == position.next_offset
                stored += [record.offset for record in take.items]
                position.next_offset = take.next_offset
    assert stored == list(range(len(stored)))
    assert position.next_offset == len(stored)
