"""Walking slices within a budget of time, whatever is asked of each window."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
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
_STALE_LIMIT = 0.8
"""A statement's limit is set again where less than this share of it is left."""
_QUERY_CANCELED = "57014"


@dataclass(frozen=True)
class Walk:
    """Where to walk, and for how long."""

    table_name: str
    bounds: Window
    newest_first: bool
    budget: timedelta
    first_count: int = 1
    """Slices of the first window: one where a page is likely to fill there."""


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
        async with self._timed() as timed:
            slices = await attached_slices(timed.connection, walk.table_name, walk.bounds)
            ahead = list(
                windows(
                    slices,
                    walk.bounds,
                    self._clock.now(),
                    newest_first=walk.newest_first,
                    first_count=walk.first_count,
                )
            )
            ahead.reverse()
            done: Window | None = None
            while ahead:
                left = deadline - self._clock.monotonic()
                if left < _SHORTEST:
                    break
                window = ahead.pop()
                await timed.limit(left if done is not None else left * _FIRST_SHARE)
                try:
                    if await visit(timed.connection, window):
                        return None
                except DBAPIError as error:
                    if not is_timeout(error):
                        raise
                    ahead += _split(window, newest_first=walk.newest_first)
                else:
                    done = window
        if not ahead:
            return None
        if done is None:
            raise SearchTooSlow("nothing was searched in time: narrow the range of time")
        return done.lower if walk.newest_first else done.upper

    @asynccontextmanager
    async def _timed(self) -> AsyncIterator["_Timed"]:
        """Open a connection whose statements are each a transaction: locks end with them."""
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            timed = _Timed(connection)
            try:
                yield timed
                await timed.reset()
            except BaseException:
                # whatever state it is in, nobody else may get it with our limit
                await connection.invalidate()
                raise


@dataclass
class _Timed:
    """A connection and the time that its next statement may take."""

    connection: AsyncConnection
    _limit_s: float = field(default=0.0)

    async def limit(self, seconds: float) -> None:
        if not self._limit_s * _STALE_LIMIT <= seconds <= self._limit_s / _STALE_LIMIT:
            self._limit_s = seconds
            milliseconds = max(1, int(seconds * 1000))
            await self.connection.execute(text(f"SET statement_timeout = {milliseconds}"))

    async def reset(self) -> None:
        if self._limit_s:
            await self.connection.execute(text("RESET statement_timeout"))


def _split(window: Window, *, newest_first: bool) -> Iterable[Window]:
    """Return the window's halves, the one to visit first last."""
    halves = window.halves()
    if halves is None:
        return (window,)
    older, newer = halves
    return (older, newer) if newest_first else (newer, older)


def is_timeout(error: DBAPIError) -> bool:
    """Say whether the statement was ended by its time limit."""
    return getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED
