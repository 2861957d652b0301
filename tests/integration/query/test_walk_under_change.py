"""A walk that knows the nearest slices first, while the others seal, merge and are made."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.common.clock import SystemClock
from services.query.domain.windows import MOST_SLICES, Window
from services.query.store.keyset import BEGINNING, END
from services.query.store.slices import attached_slices, nearest_slices
from services.query.store.statements import reader
from services.query.store.walk import SliceWalker, Step, Walk
from tests.integration.query.house import House
from tests.integration.query.sealing import merge, seal

DAY = timedelta(days=1)
FIRST_DAY = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = [FIRST_DAY + number * DAY for number in range(MOST_SLICES + 6)]
EVER = Window(BEGINNING, END)
BUDGET = timedelta(seconds=60)


def noon(day: datetime) -> datetime:
    return day + DAY / 2


@pytest.mark.parametrize("newest_first", [True, False])
async def test_every_row_comes_once_whatever_happens_to_the_slices(
    house: House, newest_first: bool
) -> None:
    await house.add_logs({"created_at": noon(day), "message": str(day)} for day in DAYS)
    found: list[datetime] = []
    visited = 0

    async def visit(step: Step) -> bool:
        nonlocal visited
        window = step.window
        rows = await step.reader.driver.fetch(
            "SELECT created_at FROM app_logs WHERE created_at >= $1 AND created_at < $2 "
            "ORDER BY created_at",
            window.lower,
            window.upper,
        )
        moments = [row["created_at"] for row in rows]
        found.extend(reversed(moments) if newest_first else moments)
        visited += 1
        if visited == 4:
            await change()
        return False

    async def change() -> None:
        # 1 + 2 + 4 + 8 slices were read: one of these is merged with one that was not
        assert len(found) == MOST_SLICES - 1
        edge = found[-1] - DAY / 2
        beyond = edge - DAY if newest_first else edge + DAY
        pair = sorted((edge, beyond))
        await seal(house, *pair)
        await merge(house, pair)
        await house.add_logs([{"created_at": noon(FIRST_DAY - 3 * DAY), "message": "late"}])

    walk = Walk("app_logs", EVER, newest_first=newest_first, budget=BUDGET)
    searched_to = await SliceWalker(house.engine, SystemClock()).walk(walk, visit)
    assert searched_to is None
    seen = [moment for moment in found if moment >= FIRST_DAY]
    assert seen == sorted(map(noon, DAYS), reverse=newest_first)
    # what was made meanwhile lies behind the walk, or before it
    assert (noon(FIRST_DAY - 3 * DAY) in found) == newest_first


async def test_the_nearest_slices_are_those_that_a_range_touches(house: House) -> None:
    await house.add_logs({"created_at": noon(day)} for day in DAYS)
    await house.fetch("UPDATE slices SET state = 'archived' WHERE lower_bound = $1", DAYS[3])
    ranges = [
        EVER,
        Window(DAYS[2], DAYS[5]),
        Window(noon(DAYS[2]), noon(DAYS[5])),
        Window(noon(DAYS[3]), noon(DAYS[4])),
        Window(DAYS[-1] + DAY, END),
        Window(BEGINNING, DAYS[0]),
        Window(BEGINNING, noon(DAYS[0])),
    ]
    async with reader(house.engine) as connection:
        known = await attached_slices(connection, "app_logs")
        for bounds in ranges:
            touched = [p for p in known if p.lower < bounds.upper and p.upper > bounds.lower]
            newest = await nearest_slices(connection, "app_logs", bounds, newest_first=True)
            oldest = await nearest_slices(connection, "app_logs", bounds, newest_first=False)
            assert newest == touched[-MOST_SLICES:], bounds
            assert oldest == touched[:MOST_SLICES], bounds
