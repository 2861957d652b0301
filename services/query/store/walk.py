"""Walking slices within a budget of time, whatever is asked of each window."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock
from services.query.domain.errors import SearchTooSlow
from services.query.domain.windows import MOST_SLICES, Window, Windows
from services.query.store.slices import attached_slices, nearest_slices
from services.query.store.statements import Reader, reader

_SHORTEST = timedelta(seconds=0.03)
"""Time below which a statement is not worth sending."""
_FIRST_SHARE = 0.5
"""Until something was read, each try takes half of what is left: a smaller window gets its turn."""
TIMEOUTS = (TimeoutError, asyncpg.QueryCanceledError)
"""What is raised where a statement was ended by its time limit, ours or the session's."""


@dataclass(frozen=True)
class Walk:
    """Where to walk, and for how long."""

    table_name: str
    bounds: Window
    newest_first: bool
    budget: timedelta
    first_count: int = 1
    """Slices of the first window: one where a page is likely to fill there."""
    least_sealed: int = 1
    """Sealed slices of each window at the least: `Windows.least_sealed`."""
    is_rare: bool = False
    """Whether few rows are to be expected, all found by an index: `Windows.is_rare`."""


@dataclass
class Step:
    """One window to read, and what it takes."""

    reader: Reader
    window: Window
    limit: timedelta
    """For each statement."""
    windows: Windows
    """Those that follow."""


Visit = Callable[[Step], Awaitable[bool]]
"""Reads one window; True ends the walk."""


class SliceWalker:
    """Asks window by window, newest or oldest first, and stops when the time is up."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def walk(self, walk: Walk, visit: Visit) -> datetime | None:
        """Visit windows until `visit` says so or all are done.

        Returns None then, else the moment up to which the range was searched. A window that is too
        slow is halved and tried again; raises SearchTooSlow where not even a small one was read.
        """
        deadline = self._clock.monotonic() + walk.budget.total_seconds()
        async with reader(self._engine) as connection:
            windows = await self._windows(connection, walk)
            again: list[Window] = []
            done: Window | None = None
            while True:
                if not again and windows.is_short:
                    windows.know(await attached_slices(connection, walk.table_name))
                window = again.pop() if again else next(windows, None)
                if window is None:
                    break
                left = timedelta(seconds=deadline - self._clock.monotonic())
                if left < _SHORTEST:
                    break
                limit = left if done is not None else left * _FIRST_SHARE
                try:
                    if await visit(Step(connection, window, limit, windows)):
                        return None
                except TIMEOUTS:
                    again += _split(window, newest_first=walk.newest_first)
                else:
                    done = window
        if window is None:
            return None
        if done is None:
            raise SearchTooSlow("nothing was searched in time: narrow the range of time")
        return done.lower if walk.newest_first else done.upper

    async def _windows(self, connection: Reader, walk: Walk) -> Windows:
        """Return the windows of a walk: by the nearest slices, for most walks need no others."""
        bounds, newest_first = walk.bounds, walk.newest_first
        if walk.is_rare:
            slices = await attached_slices(connection, walk.table_name)
        else:
            slices = await nearest_slices(
                connection, walk.table_name, bounds, newest_first=newest_first
            )
        windows = Windows(
            slices,
            bounds,
            self._clock.now(),
            newest_first=newest_first,
            first_count=walk.first_count,
        )
        windows.is_partial = not walk.is_rare and len(slices) == MOST_SLICES
        windows.is_rare, windows.least_sealed = walk.is_rare, walk.least_sealed
        return windows


def _split(window: Window, *, newest_first: bool) -> Iterable[Window]:
    """Return the window's halves, the one to visit first last."""
    halves = window.halves()
    if halves is None:
        return (window,)
    older, newer = halves
    return (older, newer) if newest_first else (newer, older)
