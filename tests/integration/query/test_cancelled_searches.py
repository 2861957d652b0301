"""Work that is cancelled wherever it waits leaves no connection behind, here or on the server."""

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from libs.common.clock import SystemClock
from libs.common.db import engine as engine_module
from libs.common.db.engine import create_engine
from services.query.domain.pages import PageAsk
from services.query.domain.scope import EVERYTHING
from services.query.store.events import EventStore, Search
from services.query.store.kinds import EXCEPTION_EVENTS, LOG_EVENTS, Item
from services.query.store.log_exports import LogExportStore
from services.query.store.statements import Planning, reader
from tests.integration.query.cancelling import cancel_everywhere
from tests.integration.query.house import House

BUDGET = timedelta(seconds=20)
POOL_SIZE = 2
_LEFT = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headwater-cancelled'"


async def search(engine: AsyncEngine) -> None:
    async with reader(engine) as connection:
        await connection.plan(Planning.ONCE)
        await connection.fetch_text("SELECT pg_sleep(0.002)", [], BUDGET)


async def change(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("SELECT 1"))


async def page_of_two(engine: AsyncEngine) -> None:
    store = EventStore(engine, SystemClock(), BUDGET)
    await store.joined_page(EVERYTHING, [LOG_EVENTS, EXCEPTION_EVENTS], Search(), PageAsk(10))


async def export(engine: AsyncEngine) -> None:
    def write(items: Sequence[Item]) -> bytes:
        return b"row" * len(items)

    pages = LogExportStore(engine, SystemClock(), BUDGET).pages(EVERYTHING, Search(), None, write)
    async with aclosing(pages):
        async for _ in pages:
            await asyncio.sleep(0)


def taken_of(engine: AsyncEngine) -> int:
    """Return how many connections nobody has given back."""
    assert isinstance(engine.pool, AsyncAdaptedQueuePool)
    return engine.pool.checkedout()


class Pools:
    """A pool for each try, and whether the last one was left as it should be."""

    def __init__(self, database_url: str, watching: asyncpg.Connection) -> None:
        self._database_url = database_url
        self._watching = watching
        self._engine = self._open()

    async def open(self, work: Callable[[AsyncEngine], Awaitable[None]] | None = None) -> None:
        """Begin with a new pool; with `work` it has connections that did that."""
        self._engine = self._open()
        if work is not None:
            await work(self._engine)

    async def run(self, work: Callable[[AsyncEngine], Awaitable[None]]) -> None:
        await work(self._engine)

    async def check(self) -> None:
        engine = self._engine
        assert taken_of(engine) == 0
        await search(engine)
        await engine.dispose()
        async with asyncio.timeout(20):
            while await self._watching.fetchval(_LEFT):
                await self._watching.execute("SELECT pg_sleep(0.01)")
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            gc.collect()
        assert [str(one.message) for one in found] == []

    def _open(self) -> AsyncEngine:
        return create_engine(self._database_url, "cancelled", pool_size=POOL_SIZE)


@pytest.mark.parametrize(
    ("work", "pool", "count"),
    [
        (search, "new", 1),
        (search, "asked", 2),
        (change, "new", 2),
        (page_of_two, "used", 1),
        (export, "used", 1),
    ],
)
async def test_no_connection_is_left_wherever_the_work_is_cancelled(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[AsyncEngine], Awaitable[None]],
    pool: str,
    count: int,
) -> None:
    if pool == "asked":  # before each use, whether it is there
        monkeypatch.setattr(engine_module, "_TRUSTED", timedelta(seconds=-1))
    await house.add_logs({"message": str(number)} for number in range(3))
    watching = await asyncpg.connect(house.database_url)
    pools = Pools(house.database_url, watching)

    async def begin() -> None:
        await pools.run(work)

    async def check() -> None:
        await pools.check()
        await pools.open(None if pool == "new" else work)

    try:
        await pools.open(None if pool == "new" else work)
        places = await cancel_everywhere(begin, count, check)
        await pools.check()
    finally:
        await watching.close()
    assert places >= (10 if pool == "new" else 1)


async def test_whoever_waits_for_a_connection_may_be_cancelled(database: str) -> None:
    engine = create_engine(database, "holding", pool_size=1)
    try:
        async with reader(engine):
            waiting = asyncio.create_task(search(engine))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await search(engine)
    finally:
        await engine.dispose()


async def test_where_one_kind_fails_no_other_is_read_on(house: House) -> None:
    await house.add_logs([{"message": "locked"}])
    await house.fetch(
        "INSERT INTO slices (name, table_name, lower_bound, upper_bound) "
        "SELECT 'some', 'app_exceptions', lower_bound, upper_bound FROM slices"
    )
    await house.fetch("ALTER TABLE app_exceptions RENAME TO gone")
    holding = await asyncpg.connect(house.database_url)
    try:
        async with holding.transaction():
            await holding.execute("LOCK TABLE app_logs IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(asyncpg.UndefinedTableError):
                await page_of_two(house.engine)
            assert taken_of(house.engine) == 0
    finally:
        await holding.close()
