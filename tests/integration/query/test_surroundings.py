"""Context and traces, through the API."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.query.house import House
from tests.integration.query.rows import add_events

LOGS = "/api/v1/logging/logs"
TRACES = "/api/v1/logging/traces"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
async def middle(house: House) -> dict[str, Any]:
    """A log between others of its source, of another source, and of its trace."""
    logs = await house.add_logs(
        [
            {"message": f"{number}", "created_at": at(number), "source": "backend", "user_id": "42"}
            for number in range(-5, 6)
        ]
        + [
            {"message": "other source", "created_at": at(0.5), "source": "frontend"},
            {"message": "other app", "created_at": at(0.5), "application": "blog"},
            {"message": "days before", "created_at": at(-3 * 24 * 60), "source": "backend"},
        ]
    )
    await add_events(
        house,
        "app_exceptions",
        [{"created_at": at(1.5), "message": "boom", "stacktrace": [{"function": "f"}]}],
    )
    return logs[5]


async def context(client: httpx.AsyncClient, log_id: Any, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"{LOGS}/{log_id}/context", params=query)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def messages(side: dict[str, Any]) -> list[str]:
    return [item["message"] for item in side["items"]]


async def test_context_is_what_the_same_source_wrote(
    middle: dict[str, Any], admin: httpx.AsyncClient
) -> None:
    answer = await context(admin, middle["id"], before=3, after=3)
    assert (answer["event"]["message"], answer["event"]["kind"]) == ("0", "log")
    assert messages(answer["before"]) == ["-1", "-2", "-3"]
    assert messages(answer["after"]) == ["2", "boom", "1"]
    assert answer["after"]["items"][1]["stacktrace"] == [{"function": "f"}]
    assert answer["before"]["has_more"]
    assert answer["after"]["has_more"]
    whole = await context(admin, middle["id"])
    assert messages(whole["before"]) == ["-1", "-2", "-3", "-4", "-5"]
    assert messages(whole["after"]) == ["5", "4", "3", "2", "boom", "1"]
    assert not whole["before"]["has_more"]
    none = await context(admin, middle["id"], before=0, after=0)
    assert none["before"]["items"] == none["after"]["items"] == []


async def test_context_of_equal_moments_names_every_event_once(
    house: House, admin: httpx.AsyncClient
) -> None:
    rows = await house.add_logs([{"created_at": NOON, "message": str(n)} for n in range(7)])
    rows.sort(key=lambda row: row["id"], reverse=True)
    answer = await context(admin, rows[3]["id"])
    found = [*messages(answer["after"]), answer["event"]["message"], *messages(answer["before"])]
    assert found == [row["message"] for row in rows]


async def test_context_by_trace(house: House, admin: httpx.AsyncClient) -> None:
    rows = await house.add_logs(
        [
            {"message": "browser", "created_at": at(0), "trace_id": "t1", "source": "frontend"},
            {"message": "server", "created_at": at(1), "trace_id": "t1", "application": "api"},
            {"message": "other", "created_at": at(1), "trace_id": "t2"},
            {"message": "none", "created_at": at(1)},
        ]
    )
    answer = await context(admin, rows[0]["id"], by="trace")
    assert messages(answer["after"]) == ["server"]
    refused = await admin.get(f"{LOGS}/{rows[3]['id']}/context", params={"by": "trace"})
    assert (refused.status_code, refused.json()["parameter"]) == (422, "by")


async def test_context_of_an_exception(house: House, admin: httpx.AsyncClient) -> None:
    (row,) = await add_events(house, "app_exceptions", [{"created_at": NOON}])
    assert (await context(admin, row["id"]))["event"]["kind"] == "exception"
    missing = await admin.get(f"{LOGS}/{uuid4()}/context")
    assert missing.status_code == 404


async def test_context_shows_own_rows_only(house: House, middle: dict[str, Any]) -> None:
    token = await house.token("jane@example.com", "user", [("shop", "42")])
    async with house.client(token) as jane:
        answer = await context(jane, middle["id"])
        assert messages(answer["after"]) == ["5", "4", "3", "2", "1"]
    stranger = await house.token("joe@example.com", "user", [("shop", "43")])
    async with house.client(stranger) as joe:
        foreign = await joe.get(f"{LOGS}/{middle['id']}/context")
        missing = await joe.get(f"{LOGS}/{uuid4()}/context")
        assert foreign.status_code == 404
        assert foreign.json() == missing.json()


@pytest.fixture
async def trace(house: House) -> str:
    """A trace of seven events of all kinds, over two days."""
    one = {"trace_id": "t1", "user_id": "42"}
    await house.add_logs(
        [
            {"message": "first", "created_at": at(0), **one},
            {"message": "last", "created_at": at(24 * 60), **one},
            {"message": "stranger's", "created_at": at(3), "trace_id": "t1", "user_id": "43"},
            {"message": "other", "created_at": at(1), "trace_id": "t2"},
        ]
    )
    await add_events(house, "app_exceptions", [{"message": "boom", "created_at": at(2), **one}])
    await add_events(
        house,
        "performance_samples",
        [
            {"kind": "request", "created_at": at(1), **one},
            {"kind": "query", "statement": "SELECT ?", "created_at": at(1.5), **one},
            {"kind": "query", "statement": "SELECT ?", "created_at": at(4), "trace_id": "t2"},
        ],
    )
    return "t1"


async def test_a_trace_holds_all_kinds_oldest_first(
    house: House, trace: str, admin: httpx.AsyncClient
) -> None:
    answer = (await admin.get(f"{TRACES}/{trace}")).json()
    assert [item["kind"] for item in answer["items"]] == [
        "log",
        "request",
        "query",
        "exception",
        "log",
        "log",
    ]
    assert answer["items"][2]["statement"] == "SELECT ?"
    assert answer["items"][0]["message"] == "first"
    assert (answer["next_cursor"], answer["searched_to"]) == (None, None)
    part = await admin.get(f"{TRACES}/{trace}", params={"from": "2026-11-23T12:03:00Z"})
    assert [item["message"] for item in part.json()["items"]] == ["stranger's", "last"]


@pytest.mark.parametrize("limit", [1, 2, 4])
async def test_a_trace_in_pages_is_whole(trace: str, admin: httpx.AsyncClient, limit: int) -> None:
    whole = (await admin.get(f"{TRACES}/{trace}")).json()["items"]
    found: list[dict[str, Any]] = []
    turn: dict[str, Any] = {"limit": limit}
    while True:
        page = (await admin.get(f"{TRACES}/{trace}", params=turn)).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next_cursor"] is None:
            break
        turn["cursor"] = page["next_cursor"]
    assert found == whole


async def test_a_trace_shows_own_rows_only(house: House, trace: str) -> None:
    token = await house.token("joe@example.com", "user", [("shop", "43")])
    async with house.client(token) as joe:
        answer = (await joe.get(f"{TRACES}/{trace}")).json()
        assert [item["message"] for item in answer["items"]] == ["stranger's"]
        foreign = await joe.get(f"{TRACES}/t2")
        missing = await joe.get(f"{TRACES}/none")
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() == missing.json()
