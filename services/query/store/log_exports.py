"""Reading logs for export: any number of rows in short transactions, with flat memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
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
from services.query.store.keyset import KeysetStatements, Reading, page_bounds
from services.query.store.kinds import LOGS, Item
from services.query.store.slices import attached_slices
from services.query.store.statements import reader
from services.query.store.walk import SliceWalker, Step, Walk

log = get_logger(__name__)

_PAGE_ROWS = 5_000
_PAGE_BYTES = 4 * 1024 * 1024
_FETCH_ROWS = 250
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


@dataclass
class _Progress:
    """What was written, and how to go on."""

    place: Place | None
    written: list[bytes] = field(default_factory=list)
    written_bytes: int = 0
    row_count: int = 0


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
    ) -> AsyncIterator[tuple[bytes, int]]:
        """Return what is written, page by page, with the number of rows.

        No transaction is open between pages, however slowly they are taken. A database that is
        away for a few seconds is waited for.
        """
        bounds = page_bounds(search.since, search.until, PageAsk(1, after))
        if scope.sees_nothing or bounds.lower >= bounds.upper:
            return
        statements = KeysetStatements(LOGS, search.condition, scope, "older")
        async with reader(self._engine) as connection:
            slices = await attached_slices(connection, AppLog.__tablename__)
        windows = Windows(slices, bounds, self._clock.now(), newest_first=True)
        again: list[Window] = []
        progress = _Progress(after)
        while (window := again.pop() if again else next(windows, None)) is not None:
            is_fenced = statements.is_indexed and window.is_sealed
            is_done = False
            while not is_done:
                reading = partial(statements.reading, window, limit=_PAGE_ROWS, is_fenced=is_fenced)
                try:
                    is_done = await self._page_with_patience(reading, write, progress)
                except asyncpg.QueryCanceledError:
                    halves = window.halves()
                    if halves is None:
                        raise
                    again += halves
                    is_done = True
                # the index brings all rows of the window each time: with so many, walk along
                is_fenced = False
                if progress.written:
                    yield b"".join(progress.written), progress.row_count
                    progress = _Progress(progress.place)

    async def _page_with_patience(
        self, reading: Callable[[Place | None], Reading], write: Write, progress: _Progress
    ) -> bool:
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._page(reading(progress.place), write, progress)
            except DATABASE_ERRORS as error:
                if not _may_pass(error) or not tries_left:
                    raise
                log.warning("an export waits for the database", error=type(error).__name__)
                await asyncio.sleep(_PAUSE.total_seconds())
        raise AssertionError("the last try returns or raises")

    async def _page(self, reading: Reading, write: Write, progress: _Progress) -> bool:
        """Read one page; says whether the window is done."""
        read = LOGS.reader()
        count = 0
        async with reader(self._engine) as connection, connection.driver.transaction():
            cursor = await connection.driver.cursor(reading.text, *reading.values)
            fetching = asyncio.ensure_future(cursor.fetch(_FETCH_ROWS))
            try:
                while rows := await fetching:
                    fetching = asyncio.ensure_future(cursor.fetch(_FETCH_ROWS))
                    await asyncio.sleep(0)  # it is asked for now: the server reads while we write
                    items = [read(row) for row in rows]
                    made = write(items)
                    progress.written.append(made)
                    progress.written_bytes += len(made)
                    progress.row_count += len(items)
                    progress.place = Place(items[-1].created_at, items[-1].id)
                    count += len(items)
                    if progress.written_bytes >= _PAGE_BYTES:
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


def _may_pass(error: Exception) -> bool:
    """Say whether the same page may be read a little later."""
    cause = getattr(error, "orig", None) or error
    if getattr(cause, "sqlstate", None) is not None:
        return isinstance(cause, _PASSING)
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_lost or isinstance(cause, OSError | asyncpg.InterfaceError)
