"""Values that are frequent, in bursts, rare or absent: pages of a hot slice miss none of them."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from sqlalchemy import event

from libs.common.clock import SystemClock
from services.query.domain.log_filters import parse_log_query
from services.query.domain.pages import Direction, PageAsk, Place
from services.query.domain.probing import SAMPLE_COUNT
from services.query.domain.scope import EVERYTHING
from services.query.store.events import EventStore, Page, Search
from services.query.store.kinds import LOGS
from tests.integration.query.house import House

DAY = datetime(2026, 11, 23, tzinfo=UTC)
ROW_COUNT = 6 * SAMPLE_COUNT
LIMIT = 50
BUDGET = timedelta(seconds=60)
DIRECTIONS: tuple[Direction, ...] = ("older", "newer")


def kinds_of(number: int) -> Iterator[str]:
    """Return the values that a row has, counted from the newest."""
    yield "always"
    if number % 100 == 50:
        yield "often"
        if number < SAMPLE_COUNT or number > ROW_COUNT - SAMPLE_COUNT:
            yield "burst"
    if number % 5_000 == 4_000:
        yield "rare"


def some_logs() -> Iterator[dict[str, Any]]:
    for number in range(ROW_COUNT):
        values = set(kinds_of(number))
        yield {
            "created_at": DAY + timedelta(seconds=ROW_COUNT - number),
            "session_id": str(number),
            "message": " ".join(sorted(values)),
            "extra_data": dict.fromkeys(values, "yes"),
        }


def place_of(page: Page, direction: Direction) -> Place:
    item = page.items[-1 if direction == "older" else 0]
    return Place(item.created_at, item.id)


async def turn_all(store: EventStore, search: Search, direction: Direction) -> list[int]:
    """Return the numbers of all rows, newest first, page by page."""
    found: list[int] = []
    beginning = Place(DAY, UUID(int=0)) if direction == "newer" else None
    ask = PageAsk(LIMIT, beginning, direction)
    while True:
        page = await store.page(EVERYTHING, LOGS, search, ask)
        assert page.searched_to is None
        numbers = [int(item.session_id or "") for item in page.items]
        found = found + numbers if direction == "older" else numbers + found
        if not page.has_more:
            return found
        ask = PageAsk(LIMIT, place_of(page, direction), direction)


def search_for(query: str) -> Search:
    filters = parse_log_query(parse_qsl(query)).filters
    return Search(filters.condition(), DAY, DAY + timedelta(days=1))


async def test_no_row_is_missing_however_frequent_it_is(house: House) -> None:
    await house.add_logs(some_logs())
    store = EventStore(house.engine, SystemClock(), BUDGET)
    for value in ("often", "burst", "rare", "absent"):
        expected = [number for number in range(ROW_COUNT) if value in kinds_of(number)]
        for query in (f"extra.{value}=yes", f"text={value}"):
            for direction in DIRECTIONS:
                found = await turn_all(store, search_for(query), direction)
                assert found == expected, (query, direction)


async def test_a_slice_is_scanned_where_the_nearest_rows_do_not_fill_the_page(house: House) -> None:
    await house.add_logs(some_logs())
    sent: list[str] = []
    store = EventStore(house.engine, SystemClock(), BUDGET)

    def connected(connection: Any, _: Any) -> None:
        connection.driver_connection.add_query_logger(lambda record: sent.append(record.query))

    event.listen(house.engine.sync_engine, "connect", connected)
    await house.engine.dispose()
    ways = {}
    for value in ("always", "often", "burst", "rare"):
        sent.clear()
        await store.page(EVERYTHING, LOGS, search_for(f"extra.{value}=yes"), PageAsk(LIMIT))
        await asyncio.sleep(0)  # the driver tells a turn of the loop later
        searches = [text for text in sent if "FROM app_logs" in text]
        ways[value] = ["scan" if "anon" not in text else "probe" for text in searches]
    assert ways == {
        "always": ["probe"],
        "often": ["probe", "probe"],
        "burst": ["probe", "probe", "scan"],
        "rare": ["probe", "scan"],
    }
