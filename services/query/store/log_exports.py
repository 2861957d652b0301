"""Reading logs for export: any number of rows in short transactions, with flat memory."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock
from libs.common.db.accounts import record_audit
from libs.common.db.engine import DATABASE_ERRORS
from libs.common.db.tables import AppLog, Slice, SliceCount
from libs.common.telemetry.logs import get_logger
from services.query.domain.errors import SearchTooSlow
from services.query.domain.pages import PageAsk, Place
from services.query.domain.scope import Scope
from services.query.domain.windows import Window, Windows
from services.query.store.events import Search
from services.query.store.keyset import KeysetStatements, Reading, just_after, page_bounds
from services.query.store.kinds import LOGS, Item
from services.query.store.slices import attached_slices
from services.query.store.statements import reader
from services.query.store.walk import SliceWalker, Step, Walk

log = get_logger(__name__)

_PAGE_ROWS = 10_000
_PAGE_BYTES = 4 * 1024 * 1024
_WAITING_BYTES = _PAGE_BYTES // 2
"""With less than that still to be taken, the next page is read."""
_PIECE_BYTES = 256 * 1024
"""Rows are fetched, written and sent in pieces of about that size: it stays in the CPU's cache."""
_FIRST_FETCH_ROWS = 100
_LEAST_FETCH_ROWS, _MOST_FETCH_ROWS = 20, 500
"""Rows that are held at once before they are written: rows may have 64 KiB."""
_TRIES = 5
_PASSING = (asyncpg.LockNotAvailableError, asyncpg.PostgresConnectionError)
_PAUSE = timedelta(seconds=1)

Write = Callable[[Sequence[Item]], bytes]
"""Makes the text of some rows."""


@dataclass(frozen=True)
class ExpectedRows:
    """How many rows an export will have; `count` is None where nobody knows."""

    count: int | None
    is_exact: bool = False


class _Shelf:
    """What was written and not yet taken, and how to go on."""

    def __init__(self, place: Place | None) -> None:
        self.place = place
        """Behind it the next page begins."""
        self.fetch_rows = _FIRST_FETCH_ROWS
        self.pieces: deque[tuple[bytes, int]] = deque()
        self.changed = asyncio.Event()
        self._waiting_bytes = 0

    def put(self, piece: bytes, row_count: int, place: Place) -> None:
        """Add the text of some rows."""
        self.place = place
        self.pieces.append((piece, row_count))
        self._waiting_bytes += len(piece)
        wanted = _PIECE_BYTES * row_count // max(1, len(piece))
        self.fetch_rows = min(max(wanted, _LEAST_FETCH_ROWS), _MOST_FETCH_ROWS)
        self.changed.set()

    def take(self) -> tuple[bytes, int]:
        """Remove the oldest piece."""
        piece, row_count = self.pieces.popleft()
        self._waiting_bytes -= len(piece)
        self.changed.set()
        return piece, row_count

    async def room(self) -> None:
        """Return once there is room for a page."""
        while self._waiting_bytes > _WAITING_BYTES:
            await self.change()

    async def change(self) -> None:
        """Return once something was put or taken."""
        self.changed.clear()
        await self.changed.wait()


class LogExportStore:
    """Reads logs newest first, never without a `Scope`."""

    def __init__(self, engine: AsyncEngine, clock: Clock, count_budget: timedelta) -> None:
        self._engine = engine
        self._clock = clock
        self._walker = SliceWalker(engine, clock)
        self._count_budget = count_budget

    async def record(self, actor: str, subject: str, details: dict[str, Any]) -> None:
        """Write down that somebody exports, before the first row leaves."""
        async with self._engine.begin() as connection:
            await record_audit(connection, actor, "logs.export", subject, details)

    async def expected(self, scope: Scope, search: Search, after: Place | None) -> ExpectedRows:
        """Count the rows of an export; where that takes too long, say how many there may be."""
        if scope.sees_nothing:
            return ExpectedRows(0, is_exact=True)
        bounds = page_bounds(search.since, search.until, PageAsk(1, after))
        statements = KeysetStatements(LOGS, search.condition, scope, "older")
        counted = 0

        async def visit(step: Step) -> bool:
            nonlocal counted
            counting = statements.counting(step.window, after)
            rows = await step.reader.fetch_text(counting.text, counting.values, step.limit)
            counted += rows[0][0]
            return False

        walk = Walk(AppLog.__tablename__, bounds, newest_first=True, budget=self._count_budget)
        try:
            if await self._walker.walk(walk, visit) is None:
                return ExpectedRows(counted, is_exact=True)
        except SearchTooSlow:
            log.debug("the rows of an export were not counted in time")
        # the sums of whole slices tell of everybody's rows
        return ExpectedRows(await self._at_most(bounds) if scope.subjects is None else None)

    async def pages(
        self, scope: Scope, search: Search, after: Place | None, write: Write
    ) -> AsyncGenerator[tuple[bytes, int], None]:
        """Return what is written, piece by piece, with the number of rows.

        Pages are read ahead, a page's worth of bytes at the most: no transaction waits for whoever
        takes the pieces, however slowly. A database that is away for a few seconds is waited for.
        Close it: reading ends only then.
        """
        shelf = _Shelf(after)
        reading = asyncio.create_task(self._fill(shelf, scope, search, write), name="export")
        reading.add_done_callback(lambda _: shelf.changed.set())
        try:
            while True:
                while shelf.pieces:
                    yield shelf.take()
                if reading.done():
                    reading.result()
                    return
                await shelf.change()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _fill(self, shelf: _Shelf, scope: Scope, search: Search, write: Write) -> None:
        """Read all pages, the next one once there is room for it."""
        bounds = page_bounds(search.since, search.until, PageAsk(1, shelf.place))
        if scope.sees_nothing or bounds.lower >= bounds.upper:
            return
        statements = KeysetStatements(LOGS, search.condition, scope, "older")
        async with reader(self._engine) as connection:
            slices = await attached_slices(connection, AppLog.__tablename__)
        windows = Windows(slices, bounds, self._clock.now(), newest_first=True)
        again: list[Window] = []
        while (window := again.pop() if again else next(windows, None)) is not None:
            is_fenced = statements.is_indexed and window.is_sealed
            is_done = False
            while not is_done:
                await shelf.room()
                reading = partial(statements.reading, limit=_PAGE_ROWS, is_fenced=is_fenced)
                try:
                    is_done = await self._page_with_patience(reading, window, write, shelf)
                except asyncpg.QueryCanceledError:
                    halves = _rest(window, shelf.place).halves()
                    if halves is None:
                        raise
                    again += halves
                    is_done = True
                # the index brings all rows of the window each time: with so many, walk along
                is_fenced = False

    async def _page_with_patience(
        self, reading: Callable[..., Reading], window: Window, write: Write, shelf: _Shelf
    ) -> bool:
        for tries_left in reversed(range(_TRIES)):
            try:
                rest = reading(_rest(window, shelf.place), shelf.place)
                return await self._page(rest, write, shelf)
            except DATABASE_ERRORS as error:
                if not _may_pass(error) or not tries_left:
                    raise
                log.warning("an export waits for the database", error=type(error).__name__)
                await asyncio.sleep(_PAUSE.total_seconds())
        raise AssertionError("the last try returns or raises")

    async def _page(self, reading: Reading, write: Write, shelf: _Shelf) -> bool:
        """Read one page; says whether the window is done."""
        read = LOGS.reader()
        count = page_bytes = 0
        async with reader(self._engine) as connection, connection.driver.transaction():
            cursor = await connection.driver.cursor(reading.text, *reading.values)
            fetching = asyncio.ensure_future(cursor.fetch(shelf.fetch_rows))
            try:
                while rows := await fetching:
                    fetching = asyncio.ensure_future(cursor.fetch(shelf.fetch_rows))
                    await asyncio.sleep(0)  # it is asked for now: the server reads while we write
                    items = [read(row) for row in rows]
                    made = write(items)
                    shelf.put(made, len(items), Place(items[-1].created_at, items[-1].id))
                    count += len(items)
                    page_bytes += len(made)
                    if page_bytes >= _PAGE_BYTES:
                        return False
            finally:
                # the connection takes no end of the transaction while it fetches
                await asyncio.gather(fetching, return_exceptions=True)
        return count < _PAGE_ROWS

    async def _at_most(self, bounds: Window) -> int:
        """Return the rows of all slices that the range touches; one without counts has none."""
        statement = (
            select(func.coalesce(func.sum(SliceCount.row_count), 0))
            .select_from(Slice)
            .join(SliceCount, SliceCount.slice_name == Slice.name)
            .where(
                Slice.table_name == AppLog.__tablename__,
                Slice.lower_bound < bounds.upper,
                Slice.upper_bound > bounds.lower,
            )
        )
        async with self._engine.connect() as connection:
            return int((await connection.execute(statement)).scalar_one())


def _rest(window: Window, place: Place | None) -> Window:
    """Return what of a window lies behind a place.

    The row comparison alone would let each page walk the index from the window's upper bound on.
    """
    if place is None:
        return window
    return replace(window, upper=min(window.upper, just_after(place)))


def _may_pass(error: Exception) -> bool:
    """Say whether the same page may be read a little later."""
    cause = getattr(error, "orig", None) or error
    if getattr(cause, "sqlstate", None) is not None:
        return isinstance(cause, _PASSING)
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_lost or isinstance(cause, OSError | asyncpg.InterfaceError)
