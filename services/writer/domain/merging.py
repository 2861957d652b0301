"""Which past slices become one: few are attached, and no row is rewritten often.

Each round takes a run of neighbours of like size, the smallest there are. So slices grow by a
factor of some eight a time, and a row is rewritten as often as the logarithm of their number.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.writer.domain.slicing import Bounds, slice_name

MERGE_FROM_COUNT = 160
"""Attached slices of a table from which on runs of eight are merged; a quarter more, and any run
will do: planning and locks grow with the slices."""
RUN_COUNT = 8
MOST_ROW_COUNT = 8_000_000
"""Rows of a merged slice: its indexes take some four minutes of one core."""
LONGEST_SPAN = timedelta(days=7)
"""Old rows are archived and dropped by whole slices."""

_OVERHEAD_ROW_COUNT = 20_000
"""What a merge costs besides its rows, as rows."""
_ATTACHED = ("hot", "sealed", "both")
_GENERATION = re.compile(r"_m(\d+)$")


@dataclass(frozen=True)
class Part:
    """One slice as the plan sees it."""

    name: str
    bounds: Bounds
    state: str
    row_count: int


@dataclass(frozen=True)
class Merge:
    """Neighbours that become one slice under a name of its own."""

    table: str
    name: str
    bounds: Bounds
    sources: tuple[Part, ...]


def plan_merge(
    table: str, parts: Sequence[Part], from_count: int = MERGE_FROM_COUNT
) -> Merge | None:
    """Choose the next run to merge; `parts` are all slices of the table, in order of time."""
    count = sum(part.state in _ATTACHED for part in parts)
    if count <= from_count:
        return None
    best = min(_runs(parts, RUN_COUNT, is_balanced=True), key=_price, default=None)
    if best is None and count > from_count * 5 // 4:
        best = min(_runs(parts, 2, is_balanced=False), key=_price, default=None)
    return None if best is None else merge_of(table, best)


def merge_of(table: str, sources: Sequence[Part]) -> Merge:
    """Name what some neighbours become: the name is newer than that of any of them."""
    bounds = Bounds(sources[0].bounds.lower, sources[-1].bounds.upper)
    found = (_GENERATION.search(part.name) for part in sources)
    generation = 1 + max(int(match[1]) if match else 0 for match in found)
    return Merge(table, f"{slice_name(table, bounds)}_m{generation}", bounds, tuple(sources))


def _runs(parts: Sequence[Part], fewest: int, *, is_balanced: bool) -> Iterator[Sequence[Part]]:
    """Yield runs of sealed neighbours that are within the limits.

    In a balanced run no slice is larger than all others together: it would be rewritten for
    little.
    """
    for start in range(len(parts)):
        rows = largest = 0
        for end in range(start, min(start + RUN_COUNT, len(parts))):
            part = parts[end]
            rows += part.row_count
            largest = max(largest, part.row_count)
            if (
                part.state != "sealed"
                or rows > MOST_ROW_COUNT
                or part.bounds.upper - parts[start].bounds.lower > LONGEST_SPAN
            ):
                break
            if end + 1 - start >= fewest and not (
                is_balanced and 2 * largest > rows + _OVERHEAD_ROW_COUNT
            ):
                yield parts[start : end + 1]


def _price(run: Sequence[Part]) -> float:
    rows = sum(part.row_count for part in run)
    return (rows + _OVERHEAD_ROW_COUNT) / (len(run) - 1)
