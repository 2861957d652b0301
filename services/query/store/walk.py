"""Walking slices within a budget of time, whatever is asked of each window."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.clock import Clock
from services.query.domain.errors import SearchTooSlow
from services.query.domain.windows import Window, windows
from services.query.store.slices import attached_slices

Visit = Callable[[AsyncConnection, Window], Awaitable[bool]]
"""Reads one window; True ends the walk."""

_SHORTEST = 0.03
"""Seconds below which a statement is not worth sending."""
_FIRST_SHARE = 0.5
"""Until something was read, each try takes half of what is left: a smaller window gets its turn."""
_QUERY_CANCELED = "57014"


@dataclass(frozen=True)
class Walk:
    """Where to walk, and for how long."""

    table_name: str
    bounds: Window
    newest_first: bool
    budget: timedelta


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
        async with self._engine.connect() as connection:
            async with connection.begin():
                slices = await attached_slices(connection, walk.table_name, walk.bounds)
            ahead = list(
                windows(slices, walk.bounds, self._clock.now(), newest_first=walk.newest_first)
            )
            ahead.reverse()
            done: Window | None = None
            while ahead:
                left = deadline - self._clock.monotonic()
                if left < _SHORTEST:
                    break
                window = ahead.pop()
                limit = left if done is not None else left * _FIRST_SHARE
                try:
                    if await self._visit(connection, window, limit, visit):
                        return None
                except DBAPIError as error:
                    if not _is_timeout(error):
                        raise
                    ahead += _split(window, newest_first=walk.newest_first)
                else:
                    done = window
        if not ahead:
            return None
        if done is None:
            raise SearchTooSlow("nothing was searched in time: narrow the range of time")
        return done.lower if walk.newest_first else done.upper

    async def _visit(
        self, connection: AsyncConnection, window: Window, limit_s: float, visit: Visit
    ) -> bool:
        async with connection.begin():
            milliseconds = max(1, int(limit_s * 1000))
            await connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
            return await visit(connection, window)


def _split(window: Window, *, newest_first: bool) -> Iterable[Window]:
    """Return the window's halves, the one to visit first last."""
    halves = window.halves()
    if halves is None:
        return (window,)
    older, newer = halves
    return (older, newer) if newest_first else (newer, older)


def _is_timeout(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED
