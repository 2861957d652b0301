"""How a search walks through time: windows of whole slices, from the nearest on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

MOST_SLICES = 16
"""No statement that is planned anew spans more: planning and locks grow with the slices."""
BLOCK_SLICES = 64
"""No statement at all spans more."""
_SMALLEST = timedelta(milliseconds=2)
_BEARABLE_HITS = 500
"""Rows that a search by an index may bring from one window, to be sorted."""


@dataclass(frozen=True)
class Window:
    """A half-open range of `created_at`: `lower` is inside, `upper` is not."""

    lower: datetime
    upper: datetime
    is_sealed: bool = False
    """Whether all slices here have the indexes of sealed ones."""
    row_count: int = 0
    """About how many rows its slices have; 0 = not known."""
    block: tuple[datetime, datetime] | None = None
    """Bounds of the block of sealed slices in which it lies: they are the same in each search, so a
    statement that holds them is planned once. Set where the window spans more than MOST_SLICES."""

    def halves(self) -> tuple["Window", "Window"] | None:
        """Split in the middle, older half first; None where it is too short to split."""
        if self.upper - self.lower < _SMALLEST:
            return None
        middle = self.lower + (self.upper - self.lower) / 2
        return replace(self, upper=middle), replace(self, lower=middle)


class Windows(Iterator[Window]):
    """Covers `bounds` with windows in walking order, each of twice as many slices as the last.

    `slices` are those of a table, disjoint and sorted oldest first: all of them, or where blocks
    are not needed those of the range, or where `is_partial` is set the nearest of these; then
    `is_short` says when `know` has to bring all before the next window is asked for. Slices that
    lie wholly in the future are made ahead and mostly empty, so they join the first window. Ranges
    without a slice are jumped over. A window holds either sealed slices or hot ones: they are asked
    differently.
    An empty range (`bounds.lower` not before `bounds.upper`) has no windows.
    """

    def __init__(
        self,
        slices: Sequence[Window],
        bounds: Window,
        now: datetime,
        *,
        newest_first: bool,
        first_count: int = 1,
    ) -> None:
        self._slices = slices
        self._bounds = bounds
        self._newest_first = newest_first
        self._ahead = self._within()
        self._size = first_count
        if newest_first:
            future_count = sum(slices[at].lower > now for at in self._ahead)
            self._size = min(MOST_SLICES, first_count + future_count)
        self._start = 0
        self._sealed_count = 0
        self.is_rare = False
        """Whether few rows are to be expected, found by an index: sealed slices come in blocks."""
        self.least_sealed = 1
        """Sealed slices that a window has at the least, where there are so many."""
        self.is_partial = False
        """Whether only the nearest slices of the range are known, until `know` brings all."""

    def expect(self, found_count: int) -> None:
        """Say what the windows so far held; with few rows in them the next ones are blocks."""
        self.is_rare = found_count * BLOCK_SLICES <= _BEARABLE_HITS * self._sealed_count

    @property
    def is_short(self) -> bool:
        """Whether the next window may hold slices that are not known, or a block that needs all."""
        if not self.is_partial:
            return False
        ahead = self._ahead[self._start :]
        if not ahead:
            return True
        is_sealed = self._slices[ahead[0]].is_sealed
        return len(ahead) < self._width(is_sealed=is_sealed) or (self.is_rare and is_sealed)

    def know(self, slices: Sequence[Window]) -> None:
        """Go on with all slices of the table, as they are by now.

        They may have been merged since: what was walked through is cut off by its time, so that
        none of it comes again, and nothing behind it is jumped over.
        """
        if self._start:
            last = self._slices[self._ahead[self._start - 1]]
            if self._newest_first:
                self._bounds = replace(self._bounds, upper=min(self._bounds.upper, last.lower))
            else:
                self._bounds = replace(self._bounds, lower=max(self._bounds.lower, last.upper))
        self._slices = slices
        self.is_partial = False
        self._ahead = self._within()
        self._start = 0

    def __next__(self) -> Window:
        if self._start >= len(self._ahead):
            raise StopIteration
        first = self._slices[self._ahead[self._start]]
        block = self._block() if self.is_rare and first.is_sealed else None
        width = self._width(is_sealed=first.is_sealed)
        group = self._ahead[self._start : self._start + width] if block is None else block
        alike = next(
            (n for n, at in enumerate(group) if self._slices[at].is_sealed != first.is_sealed), None
        )
        group = group[:alike]
        self._start += len(group)
        self._size = min(2 * width, MOST_SLICES)
        if first.is_sealed:
            self._sealed_count += len(group)
        return Window(
            max(self._bounds.lower, self._slices[min(group)].lower),
            min(self._bounds.upper, self._slices[max(group)].upper),
            first.is_sealed,
            sum(self._slices[at].row_count for at in group),
            self._block_bounds(group) if len(group) > MOST_SLICES else None,
        )

    def _width(self, *, is_sealed: bool) -> int:
        """Return how many slices the next window has, where it is no block."""
        return max(self._size, self.least_sealed) if is_sealed else self._size

    def _within(self) -> list[int]:
        """Return the places of the slices that the range touches, in walking order."""
        lower, upper = self._bounds.lower, self._bounds.upper
        if lower >= upper:
            return []
        places = [
            at for at, part in enumerate(self._slices) if part.lower < upper and part.upper > lower
        ]
        return places[::-1] if self._newest_first else places

    def _block(self) -> list[int]:
        """Return the slices ahead in the same block: blocks are counted from the oldest slice."""
        number = self._ahead[self._start] // BLOCK_SLICES
        group = self._ahead[self._start : self._start + BLOCK_SLICES]
        return [at for at in group if at // BLOCK_SLICES == number]

    def _block_bounds(self, group: Sequence[int]) -> tuple[datetime, datetime]:
        """Return the bounds of all sealed slices of the block around some of them."""
        lowest, highest = min(group), max(group)
        floor = lowest // BLOCK_SLICES * BLOCK_SLICES
        ceiling = min(floor + BLOCK_SLICES, len(self._slices)) - 1
        while lowest > floor and self._slices[lowest - 1].is_sealed:
            lowest -= 1
        while highest < ceiling and self._slices[highest + 1].is_sealed:
            highest += 1
        return self._slices[lowest].lower, self._slices[highest].upper
