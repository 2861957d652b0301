"""Statements as the driver runs them: compiled once, asked again with other values.

Between SQLAlchemy's expressions and asyncpg: what SQLAlchemy does around each execution takes ten
times as long as the driver itself, and a search may ask a dozen windows.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import Any

import asyncpg
from sqlalchemy import PoolProxiedConnection, Select, util
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import greenlet_spawn

_DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]  # untyped there
_COMPILED: Any = util.LRUCache(500)
"""By the shape of a statement: filters that differ in their values only are compiled once."""


class Planning(Enum):
    """How the server is to plan what follows."""

    EACH = "RESET plan_cache_mode; RESET enable_seqscan; RESET max_parallel_workers_per_gather"
    """Anew each time, with the values: how sessions begin."""
    ONCE = "SET plan_cache_mode = force_generic_plan; SET max_parallel_workers_per_gather = 0"
    """Once in a session, without the values."""
    BY_INDEX = "SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0"
    """With an index where there is any: the planner cannot know how much a bloom leaves out."""


@dataclass(frozen=True)
class Statement:
    """The text of a statement, and its values in the order of its placeholders."""

    text: str
    _values: tuple[Any, ...]
    _places: dict[str, int]

    def values(self, given: dict[str, Any]) -> list[Any]:
        """Return all values, some of them given by name; names that do not occur are left out."""
        made = list(self._values)
        for name, value in given.items():
            place = self._places.get(name)
            if place is not None:
                made[place] = value
        return made


def compiled(statement: Select[*tuple[Any, ...]]) -> Statement:
    """Compile a statement; `bindparam` with a name are the values that may be given later."""
    # what SQLAlchemy's own connections call; the public `compile` knows no cache
    made, found, collected, _ = statement._compile_w_cache(
        _DIALECT, compiled_cache=_COMPILED, column_keys=[]
    )
    if not isinstance(made, SQLCompiler):
        raise TypeError("not a statement with values")
    values = made.construct_params(
        extracted_parameters=found, escape_names=False, _collected_params=collected
    )
    state = made.construct_expanded_state(values)
    names = state.positiontup or ()
    return Statement(
        state.statement,
        tuple(state.parameters[name] for name in names),
        {name: place for place, name in enumerate(names)},
    )


@cache
def compiled_once(statement: Select[*tuple[Any, ...]]) -> Statement:
    """Compile a statement that is there as long as the process: its module's own."""
    return compiled(statement)


class Reader:
    """A connection without a transaction: locks end with each statement."""

    def __init__(self, driver: asyncpg.Connection) -> None:
        self.driver = driver
        self._planning = Planning.EACH

    async def fetch(
        self, statement: Statement, limit: timedelta | None = None, **given: Any
    ) -> list[asyncpg.Record]:
        """Return all rows; raises TimeoutError after `limit`, and cancels the statement then."""
        return await self.fetch_text(statement.text, statement.values(given), limit)

    async def fetch_text(
        self, text: str, values: list[Any], limit: timedelta | None = None
    ) -> list[asyncpg.Record]:
        """Return all rows of a statement that is at hand as text."""
        # not the driver's own timeout: where the server hangs, that waits for its cancellation
        async with asyncio.timeout(None if limit is None else limit.total_seconds()):
            rows: list[asyncpg.Record] = await self.driver.fetch(text, *values)
        return rows

    async def plan(self, wanted: Planning) -> None:
        """Set how statements are planned from now on."""
        if wanted is self._planning:
            return
        if Planning.EACH not in (wanted, self._planning):
            await self.plan(Planning.EACH)
        await self.driver.execute(wanted.value)
        self._planning = wanted


@asynccontextmanager
async def reader(engine: AsyncEngine) -> AsyncIterator[Reader]:
    """Take a connection from the pool, and give it back as it was."""
    # the pool's own; what SQLAlchemy's connection adds would double the cost of taking one
    pooled = await _pooled(engine)
    try:
        driver = pooled.driver_connection
        if driver is None:
            raise LookupError("a pooled connection without a driver's")
        made = Reader(driver)
        yield made
        await made.plan(Planning.EACH)
    except BaseException:
        # whatever state it is in, nobody else may get it
        await greenlet_spawn(pooled.invalidate)
        raise
    finally:
        await greenlet_spawn(pooled.close)


async def _pooled(engine: AsyncEngine) -> PoolProxiedConnection:
    """Take a connection; raises what the driver raises, as its statements do."""
    try:
        return await engine.raw_connection()
    except engine.dialect.loaded_dbapi.Error as error:
        # SQLAlchemy's own wrapping of errors belongs to its connection, which is not made here
        raise (error.__cause__ or error) from None
