"""Reading events: pages in keyset order, of one kind or of several together, and single rows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock
from libs.common.ids import id_moment
from services.query.domain.conditions import ALWAYS, Condition
from services.query.domain.pages import PageAsk
from services.query.domain.probing import SAMPLE_COUNT, probed_count, walked_count
from services.query.domain.scope import Scope
from services.query.domain.windows import MOST_SLICES
from services.query.store.keyset import KeysetStatements, Reading, page_bounds
from services.query.store.kinds import Item, Kind
from services.query.store.log_conditions import row_conditions
from services.query.store.statements import Planning, compiled, reader
from services.query.store.walk import SliceWalker, Step, Walk

_IN_ORDER = 4
"""Sealed slices to begin with where an index brings few rows in order: planning three more takes no
longer than a second statement, which is what follows one slice of a user with few rows."""
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Search:
    """What is looked for, and when."""

    condition: Condition = ALWAYS
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Page:
    """Rows, newest first."""

    items: list[Item]
    has_more: bool
    """Whether more rows follow in the direction that was asked for."""
    searched_to: datetime | None
    """Set where time ran out: the range was searched up to there."""


def joined(pages: Sequence[Page], ask: PageAsk) -> Page:
    """Merge pages of the same ask into one; where time ran out in one, none counts beyond there."""
    is_older = ask.direction == "older"
    ends = [page.searched_to for page in pages if page.searched_to is not None]
    reached = None if not ends else max(ends) if is_older else min(ends)
    items = [
        item
        for page in pages
        for item in page.items
        if reached is None or (item.created_at >= reached) == is_older
    ]
    items.sort(key=lambda item: (item.created_at, item.id), reverse=True)
    has_more = len(items) > ask.limit or (reached is None and any(p.has_more for p in pages))
    kept = items[: ask.limit] if is_older else items[-ask.limit :]
    return Page(kept, has_more, searched_to=None if has_more else reached)


class EventStore:
    """Reads events, never without a `Scope`."""

    def __init__(self, engine: AsyncEngine, clock: Clock, budget: timedelta) -> None:
        self._engine = engine
        self._walker = SliceWalker(engine, clock)
        self._budget = budget

    async def page(self, scope: Scope, kind: Kind, search: Search, ask: PageAsk) -> Page:
        """Return one page; raises SearchTooSlow."""
        bounds = page_bounds(search.since, search.until, ask)
        if scope.sees_nothing or bounds.lower >= bounds.upper:
            return Page([], has_more=False, searched_to=None)
        reading = _Reading(kind, search, scope, ask)
        walk = Walk(
            kind.table_name,
            bounds,
            newest_first=ask.direction == "older",
            budget=self._budget,
            first_count=MOST_SLICES if reading.is_rare else 1,
            least_sealed=_IN_ORDER if reading.is_in_order else 1,
            is_rare=reading.is_rare,
        )
        searched_to = await self._walker.walk(walk, reading.visit)
        return reading.page(searched_to)

    async def joined_page(
        self, scope: Scope, kinds: Sequence[Kind], search: Search, ask: PageAsk
    ) -> Page:
        """Return one page of several kinds in one order; raises SearchTooSlow."""
        reading = [asyncio.create_task(self.page(scope, kind, search, ask)) for kind in kinds]
        try:
            return joined(await asyncio.gather(*reading), ask)
        finally:
            # where one fails, the others would go on with nobody to wait for them
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def one(self, scope: Scope, kind: Kind, event_id: UUID) -> Item | None:
        """Return the row with that id, found by the time that the id carries."""
        if scope.sees_nothing:
            return None
        try:
            moment = id_moment(event_id)
            lower, upper = moment - MILLISECOND, moment + 2 * MILLISECOND
        except OverflowError:
            return None
        columns = kind.table.c
        statement = select(*kind.columns(kind.table)).where(
            columns.id == event_id,
            columns.created_at >= lower,
            columns.created_at < upper,
            *row_conditions(kind.table, ALWAYS, scope),
        )
        async with reader(self._engine) as connection:
            rows = await connection.fetch(compiled(statement))
        return kind.reader()(rows[0]) if rows else None


class _Reading:
    """One page being filled, window by window."""

    def __init__(self, kind: Kind, search: Search, scope: Scope, ask: PageAsk) -> None:
        self._read = kind.reader()
        self._ask = ask
        self._statements = KeysetStatements(kind, search.condition, scope, ask.direction)
        self._found: list[Item] = []
        self._was_probed = False
        self.is_rare = self._statements.is_rare
        self.is_in_order = self._statements.has_bloom and not self._statements.is_indexed

    async def visit(self, step: Step) -> bool:
        """Read one window; True where the page is full."""
        if await self._probe(step):
            return True
        statements, window = self._statements, step.window
        await step.reader.plan(statements.planning(window))
        is_fenced = statements.is_fenced(window)
        reading = statements.reading(window, self._ask.place, self._wanted, is_fenced=is_fenced)
        self._found += await self._rows(step, reading)
        if statements.is_selective and not self.is_rare:
            step.windows.expect(len(self._found))
        return len(self._found) > self._ask.limit

    def page(self, searched_to: datetime | None) -> Page:
        """Return what was found."""
        items = self._found[: self._ask.limit]
        if self._ask.direction == "newer":
            items.reverse()
        return Page(items, has_more=len(self._found) > self._ask.limit, searched_to=searched_to)

    @property
    def _wanted(self) -> int:
        return self._ask.limit + 1 - len(self._found)

    async def _probe(self, step: Step) -> bool:
        """Look through the nearest rows of a window, by contents; True where they fill the page."""
        statements, window = self._statements, step.window
        if not statements.is_indexed or window.block is not None:
            return False
        if window.is_sealed:
            if self._was_probed or self._found:
                return False
            self._was_probed = True
            count = probed_count(window.row_count)
        elif statements.has_bloom:
            return False
        else:
            count = SAMPLE_COUNT
        await step.reader.plan(Planning.EACH)
        seen = await self._look_through(step, count)
        walked = 0 if window.is_sealed else walked_count(seen, self._wanted)
        if walked:
            await self._look_through(step, walked)
        return self._wanted == 0

    async def _look_through(self, step: Step, count: int) -> int:
        """Look through so many rows; return how many were found, kept where they fill the page."""
        reading = self._statements.probing(step.window, self._ask.place, self._wanted, count)
        found = await self._rows(step, reading)
        if len(found) == self._wanted:
            self._found += found
        return len(found)

    async def _rows(self, step: Step, reading: Reading) -> list[Item]:
        rows = await step.reader.fetch_text(reading.text, reading.values, step.limit)
        return [self._read(row) for row in rows]
