"""Paging while rows arrive, slices seal and slices merge: none missing, none twice, both ways."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.query.house import House
from tests.integration.query.sealing import merge, seal

LOGS = "/api/v1/logging/logs"
FIRST_DAY = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
DAY_COUNT = 5
FILTERS = [{}, {"level": "ERROR"}, {"text": "needle"}, {"extra.tenant": "acme"}]


def some_log(chance: random.Random, created_at: datetime, message: str) -> dict[str, Any]:
    return {
        "created_at": created_at,
        "message": f"{message} needle in a haystack",
        "level": "ERROR",
        "extra_data": {"tenant": "acme", "number": chance.randrange(9)},
    }


class World:
    """A database that does not stand still."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house = house
        self._chance = chance
        self._unsealed = [FIRST_DAY + number * DAY for number in range(DAY_COUNT - 1)]
        self._unmerged = [(FIRST_DAY, FIRST_DAY + DAY), (FIRST_DAY + 2 * DAY, FIRST_DAY + 3 * DAY)]

    async def change(self) -> None:
        """Let something happen."""
        steps: list[Callable[[], Awaitable[None]]] = [self._arrive, self._come_late]
        if self._unsealed:
            steps.append(self._seal)
        if self._unmerged:
            steps.append(self._merge)
        await self._chance.choice(steps)()

    async def _arrive(self) -> None:
        moment = FIRST_DAY + DAY_COUNT * DAY - timedelta(seconds=self._chance.randrange(60))
        await self._house.add_logs([some_log(self._chance, moment, "new")])

    async def _come_late(self) -> None:
        moment = FIRST_DAY + self._chance.random() * DAY_COUNT * DAY
        await self._house.add_logs([some_log(self._chance, moment, "late")])

    async def _seal(self) -> None:
        day = self._unsealed.pop(self._chance.randrange(len(self._unsealed)))
        await seal(self._house, day)

    async def _merge(self) -> None:
        days = self._unmerged.pop(self._chance.randrange(len(self._unmerged)))
        hot = [day for day in days if day in self._unsealed]
        await seal(self._house, *hot)
        self._unsealed = [day for day in self._unsealed if day not in hot]
        await merge(self._house, days)


async def turn_all(
    client: httpx.AsyncClient, world: World, ask: dict[str, Any], side: str
) -> tuple[list[str], dict[str, Any]]:
    """Return the messages of all pages on one side, and the last page."""
    found: list[str] = []
    turn = dict(ask)
    while True:
        answer = await client.get(LOGS, params=turn)
        if answer.status_code == 503:
            continue  # a busy machine: try again, as the answer says
        page = answer.json()
        messages = [item["message"].split()[0] for item in page["items"]]
        found = found + messages if side == "next_cursor" else messages + found
        if page[side] is None:
            return found, page
        turn["cursor"] = page[side]
        await world.change()


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: next(iter(filters), "none"))
@pytest.mark.parametrize("seed", range(2))
async def test_pages_hold_every_row_once_whatever_happens(
    house: House, admin: httpx.AsyncClient, filters: dict[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    rows = await house.add_logs(
        some_log(chance, FIRST_DAY + chance.random() * DAY_COUNT * DAY, str(number))
        for number in range(60)
    )
    rows.sort(key=lambda row: (row["created_at"], row["id"]), reverse=True)
    expected = [row["message"].split()[0] for row in rows]
    ask = {**filters, "limit": 7}
    world = World(house, chance)
    forth, last = await turn_all(admin, world, ask, "next_cursor")
    assert [message for message in forth if message.isdigit()] == expected
    back, _ = await turn_all(admin, world, ask | {"cursor": last["prev_cursor"]}, "prev_cursor")
    shown_last = [item["message"].split()[0] for item in last["items"]]
    assert [name for name in back + shown_last if name.isdigit()] == expected
