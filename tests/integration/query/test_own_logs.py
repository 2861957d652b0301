"""Own logs only: every route that the OpenAPI document names, against rows of somebody else.

A route that nobody thought of here fails the test: it has to be put into one of the lists.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.query.consumer import TailHub
from services.query.domain.tail import KINDS
from tests.integration.query.house import House, open_house
from tests.integration.query.rows import add_events
from tests.integration.query.tailing import TAIL, Feed, exception_row, log_row, sample_row, watch

LOGGING = "/api/v1/logging"
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
SECRET = "foreign-secret"
WITHOUT_EVENTS = ("/api/v1/auth/", "/api/v1/admin/")
"""Routes that show no event; the ones below `admin` are for admins only."""


@dataclass
class Case:
    """How a route that shows events is called; `{id}` and `{trace}` stand for the foreign row's."""

    method: str
    path: str
    query: dict[str, str]
    body: Any = None
    is_hidden: bool = False
    """Whether the foreign row answers 404, as one that does not exist."""
    is_empty: Callable[[httpx.Response], bool] = lambda _: True


def no_items(answer: httpx.Response) -> bool:
    return bool(answer.json()["items"] == [])


def counts_nothing(answer: httpx.Response) -> bool:
    return bool(answer.json()["count"] == 0)


DAY = {"from": (NOW - timedelta(days=1)).isoformat(), "to": (NOW + timedelta(days=1)).isoformat()}
CASES = {
    f"{LOGGING}/logs": Case("GET", "/logs", {}, is_empty=no_items),
    f"{LOGGING}/logs/statistics": Case("GET", "/logs/statistics", DAY, is_empty=counts_nothing),
    f"{LOGGING}/logs/facets": Case(
        "GET", "/logs/facets", DAY | {"field": "user_id"}, is_empty=counts_nothing
    ),
    f"{LOGGING}/logs/histogram": Case("GET", "/logs/histogram", DAY, is_empty=counts_nothing),
    f"{LOGGING}/logs/{{log_id}}": Case("GET", "/logs/{id}", {}, is_hidden=True),
    f"{LOGGING}/logs/{{log_id}}/context": Case("GET", "/logs/{id}/context", {}, is_hidden=True),
    f"{LOGGING}/traces/{{trace_id}}": Case("GET", "/traces/{trace}", {}, is_hidden=True),
    f"{LOGGING}/logs/export": Case(
        "POST", "/logs/export", {}, {"format": "ndjson"}, is_empty=lambda answer: answer.text == ""
    ),
}
STREAMS = {f"{LOGGING}/logs/tail"}
SUBJECTS = [[], [("shop", "43")], [("blog", "42")], [("shop", "42 ")], [("shop", "%")]]


@pytest.fixture
async def house(database: str, hub: TailHub) -> AsyncIterator[House]:
    async with open_house(database, hub, tail_heartbeat=timedelta(milliseconds=300)) as opened:
        yield opened


async def store_foreign_rows(house: House) -> tuple[str, str]:
    """Store one row of each kind for somebody; returns the log's id and its trace."""
    row = {
        "application": "shop",
        "user_id": "42",
        "trace_id": "trace-of-42",
        "created_at": NOW,
        "extra_data": {"secret": SECRET},
    }
    (log,) = await house.add_logs([row | {"message": SECRET}])
    await add_events(house, "app_exceptions", [row | {"message": SECRET}])
    await add_events(house, "performance_samples", [row | {"statement": SECRET}])
    return str(log["id"]), "trace-of-42"


def test_every_route_is_in_one_of_the_lists(house: House) -> None:
    paths = set(house.api.openapi()["paths"])
    events = {path for path in paths if not path.startswith(WITHOUT_EVENTS)}
    assert events == set(CASES) | STREAMS


async def call(client: httpx.AsyncClient, case: Case, log_id: str, trace: str) -> httpx.Response:
    path = LOGGING + case.path.format(id=log_id, trace=trace)
    return await client.request(case.method, path, params=case.query, json=case.body)


@pytest.mark.parametrize("subjects", SUBJECTS)
async def test_foreign_rows_are_as_good_as_none(
    house: House, subjects: list[tuple[str, str]]
) -> None:
    log_id, trace = await store_foreign_rows(house)
    token = await house.token("jane@example.com", "user", subjects)
    async with house.client(token) as jane:
        for path, case in CASES.items():
            answer = await call(jane, case, log_id, trace)
            assert SECRET not in answer.text, path
            assert not any(SECRET in value for value in answer.headers.values()), path
            if case.is_hidden:
                missing = await call(jane, case, str(uuid4()), "no-such-trace")
                assert answer.status_code == missing.status_code == 404, path
                assert answer.json() == missing.json(), path
            else:
                assert answer.status_code == 200, f"{path}: {answer.text}"
                assert case.is_empty(answer), path


async def test_their_owner_and_admins_see_them(house: House) -> None:
    log_id, trace = await store_foreign_rows(house)
    owner = await house.token("owner@example.com", "user", [("shop", "42")])
    admin = await house.token("admin@example.com", "admin")
    for token in (owner, admin):
        async with house.client(token) as client:
            for path, case in CASES.items():
                answer = await call(client, case, log_id, trace)
                assert answer.status_code == 200, f"{path}: {answer.text}"
                assert case.is_hidden or not case.is_empty(answer), path


async def test_nobody_else_is_answered(house: House) -> None:
    log_id, trace = await store_foreign_rows(house)
    for client in (house.client(), house.client("hwt_unknown_secret")):
        async with client:
            for path, case in CASES.items():
                answer = await call(client, case, log_id, trace)
                assert answer.status_code == 401, path
                assert SECRET not in answer.text, path
            assert (await client.get(TAIL)).status_code == 401


@pytest.mark.parametrize("subjects", SUBJECTS)
async def test_the_tail_shows_no_foreign_event(
    house: House, feed: Feed, subjects: list[tuple[str, str]]
) -> None:
    token = await house.token("jane@example.com", "user", subjects)
    admin = await house.token("admin@example.com", "admin")
    async with (
        house.client(token) as jane,
        house.client(admin) as everybody,
        watch(jane, kind=KINDS) as own,
        watch(everybody, kind=KINDS) as whole,
    ):
        theirs = {"user_id": "42"}
        await feed.send(
            log_row(SECRET, **theirs),
            exception_row(SECRET, **theirs),
            sample_row("request", request_path=f"/{SECRET}", **theirs),
            sample_row("query", statement=SECRET, **theirs),
        )
        shown = [(await whole.until("event")).data for _ in KINDS]
        assert sorted(event["kind"] for event in shown) == sorted(KINDS)
        assert all(SECRET in str(event) for event in shown)
        assert (await own.next()).name == "heartbeat"
