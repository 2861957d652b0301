"""How a search walks through time: windows of whole slices that double, from the nearest on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

MOST_SLICES = 16
"""No statement spans more: planning and locks grow with the slices that it touches."""
_SMALLEST = timedelta(milliseconds=2)


@dataclass(frozen=True)
class Window:
    """A half-open range of `created_at`: `lower` is inside, `upper` is not."""

    lower: datetime
    upper: datetime
    is_sealed: bool = False
    """Whether all slices here have the indexes of sealed ones."""

    def halves(self) -> tuple["Window", "Window"] | None:
        """Split in the middle, older half first; None where it is too short to split."""
        if self.upper - self.lower < _SMALLEST:
            return None
        middle = self.lower + (self.upper - self.lower) / 2
        return replace(self, upper=middle), replace(self, lower=middle)


def windows(
    slices: Sequence[Window],
    bounds: Window,
    now: datetime,
    *,
    newest_first: bool,
    first_count: int = 1,
) -> Iterator[Window]:
    """Cover `bounds` with windows in walking order, each of twice as many slices as the last.

    `slices` are disjoint and sorted oldest first. Slices that lie wholly in the future are made
    ahead and mostly empty, so they join the first window. Ranges without a slice are jumped over.
    A window holds either sealed slices or hot ones: they are asked differently.
    An empty range (`bounds.lower` not before `bounds.upper`) has no windows.
    """
    if bounds.lower >= bounds.upper:
        return
    within = [part for part in slices if part.lower < bounds.upper and part.upper > bounds.lower]
    if newest_first:
        within.reverse()
    size = first_count
    if newest_first:
        size = min(MOST_SLICES, first_count + sum(part.lower > now for part in within))
    start = 0
    while start < len(within):
        group = within[start : start + size]
        is_sealed = group[0].is_sealed
        alike = next((at for at, part in enumerate(group) if part.is_sealed != is_sealed), None)
        group = group[:alike]
        start += len(group)
        size = min(2 * size, MOST_SLICES)
        yield Window(
            max(bounds.lower, min(part.lower for part in group)),
            min(bounds.upper, max(part.upper for part in group)),
            is_sealed,
        )
