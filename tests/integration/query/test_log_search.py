"""Filters, pages and partial answers, through the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from libs.common.ids import milliseconds, uuid7
from tests.integration.query.house import House, open_house, slice_name

LOGS = "/api/v1/logging/logs"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def found(client: httpx.AsyncClient, *pairs: tuple[str, str]) -> list[str]:
    answer = await client.get(LOGS, params=list(pairs))
    assert answer.status_code == 200, answer.text
    return sorted(item["message"] for item in answer.json()["items"])


async def test_column_filters(house: House, admin: httpx.AsyncClient) -> None:
    await house.add_logs(
        [
            {
                "message": "a",
                "level": "ERROR",
                "module": "auth",
                "user_id": "1",
                "status_code": 500,
            },
            {"message": "b", "level": "INFO", "module": "cart", "duration_ms": 12.5},
            {"message": "c", "level": "WARNING", "request_method": "GET", "status_code": 404},
        ]
    )
    assert await found(admin, ("level", "error"), ("level", "warn")) == ["a", "c"]
    assert await found(admin, ("level!", "ERROR")) == ["b", "c"]
    assert await found(admin, ("module!", "auth")) == ["b", "c"]
    assert await found(admin, ("user_id", "1"), ("module", "auth")) == ["a"]
    assert await found(admin, ("user_id", "1"), ("module", "cart")) == []
    assert await found(admin, ("request_method", "get")) == ["c"]
    assert await found(admin, ("status_code_min", "404")) == ["a", "c"]
    assert await found(admin, ("status_code_min", "404"), ("status_code_max", "499")) == ["c"]
    assert await found(admin, ("duration_ms_min", "12.5")) == ["b"]


async def test_text_means_pieces_whatever_their_case(
    house: House, admin: httpx.AsyncClient
) -> None:
    names = ["Payment FAILED for ärger", "payment of 100% done", "path C:\\temp_1", 'say "hi" now']
    await house.add_logs([{"message": name} for name in names])
    assert await found(admin, ("text", "failed payment")) == [names[0]]
    assert await found(admin, ("text", '"payment failed"')) == [names[0]]
    assert await found(admin, ("text", '"failed payment"')) == []
    assert await found(admin, ("text", "ÄRGER")) == [names[0]]
    assert await found(admin, ("text", "%")) == [names[1]]
    assert await found(admin, ("text", "temp_1")) == [names[2]]
    assert await found(admin, ("text", "c:\\t")) == [names[2]]
    assert await found(admin, ("text", "")) == sorted(names)


async def test_extra_finds_what_it_holds(house: House, admin: httpx.AsyncClient) -> None:
    extras: dict[str, dict[str, Any] | None] = {
        "number": {"tenant": 5},
        "string": {"tenant": "5"},
        "nested": {"cart": {"big": True}},
        "dotted": {"cart.big": "true"},
        "none": None,
        "blank": {"cart": {"a key": 3}},
    }
    await house.add_logs([{"message": name, "extra_data": extra} for name, extra in extras.items()])
    assert await found(admin, ("extra.tenant", "5")) == ["number", "string"]
    assert await found(admin, ("extra.cart.big", "true")) == ["dotted", "nested"]
    assert await found(admin, ("extra.tenant!", "5")) == [
        "blank",
        "dotted",
        "nested",
        "none",
    ]
    assert await found(admin, ("extra.cart.a key", "3")) == ["blank"]
    assert await found(admin, ("q", 'extra."cart.a key":3')) == ["blank"]
    assert await found(admin, ("extra.tenant", "5' OR '1'='1")) == []
    assert await found(admin, ("extra.tenant", "1e99")) == []


async def test_ranges_of_time_are_half_open(house: House, admin: httpx.AsyncClient) -> None:
    await house.add_logs(
        [
            {"message": str(minute), "created_at": NOON + timedelta(minutes=minute)}
            for minute in range(4)
        ]
    )
    assert await found(admin, ("from", "2026-11-23T12:01:00Z"), ("to", "2026-11-23T12:03:00Z")) == [
        "1",
        "2",
    ]
    assert await found(admin, ("start_time", "2026-11-23T14:02:00+02:00")) == ["2", "3"]
    assert await found(admin, ("from", "2026-11-23 12:03")) == ["3"]
    moment = "2026-11-23T12:02:00Z"
    assert await found(admin, ("from", moment), ("to", moment)) == []


REVERSED = [
    ({"from": "2026-11-23T12:00:01Z", "to": "2026-11-23T13:00:00+01:00"}, "to"),
    ({"start_time": "2026-11-24", "end_time": "2026-11-23"}, "end_time"),
    ({"status_code_min": "500", "status_code_max": "499"}, "status_code_max"),
    ({"duration_ms_min": "5", "duration_ms_max": "1"}, "duration_ms_max"),
    ({"q": "level:error duration:5..1"}, "q"),
]


@pytest.mark.parametrize(("filters", "named"), REVERSED)
async def test_a_range_that_ends_before_it_begins_is_refused_everywhere(
    admin: httpx.AsyncClient, filters: dict[str, str], named: str
) -> None:
    answers = [
        await admin.get(f"{LOGS}{view}", params=filters)
        for view in ("", "/facets", "/histogram", "/statistics")
    ]
    answers.append(
        await admin.post(f"{LOGS}/export", json={"format": "ndjson", "filters": filters})
    )
    for answer in answers:
        assert (answer.status_code, answer.json()["parameter"]) == (422, named)
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"level": "loud"}, "level"),
        ({"status_code": "many"}, "status_code"),
        ({"status_code": "99999999999"}, "status_code"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"from": "yesterday"}, "from"),
        ({"to": "9999-12-31T23:59:59-14:00"}, "to"),
        ({"from": "2026-01-01", "start_time": "2026-01-02"}, "start_time"),
        ({"duration_ms_min": "nan"}, "duration_ms_min"),
        ({"text": "a\0b"}, "text"),
        ({"extra..": "1"}, "extra.."),
        ({"text": "x" * 2001}, "text"),
    ],
)
async def test_what_is_wrong_is_refused_by_name(
    admin: httpx.AsyncClient, parameters: dict[str, str], named: str
) -> None:
    answer = await admin.get(LOGS, params=parameters)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["parameter"] == named
    assert answer.json()["reason"] == "invalid_parameter"


async def test_pages_go_on_and_back(house: House, admin: httpx.AsyncClient) -> None:
    moments = [NOON - timedelta(hours=6 * step) for step in range(7)]
    rows = [
        {"created_at": moment, "id": uuid7(milliseconds(moment), bytes([number] * 10))}
        for moment in moments
        for number in range(3)
    ]
    await house.add_logs(rows)
    expected = [
        str(row["id"])
        for row in sorted(rows, key=lambda r: (r["created_at"], r["id"]), reverse=True)
    ]
    pages: list[list[str]] = []
    cursor: str | None = None
    last: dict[str, Any] = {}
    while not pages or cursor:
        parameters = {"limit": "4"} | ({"cursor": cursor} if cursor else {})
        last = (await admin.get(LOGS, params=parameters)).json()
        pages.append([item["id"] for item in last["items"]])
        cursor = last["next_cursor"]
    assert [row_id for page in pages for row_id in page] == expected
    back: list[list[str]] = []
    cursor = last["prev_cursor"]
    while cursor:
        page = (await admin.get(LOGS, params={"limit": "4", "cursor": cursor})).json()
        back.append([item["id"] for item in page["items"]])
        cursor = page["prev_cursor"]
    assert list(reversed(back)) == pages[:-1]


async def test_cursors_belong_to_their_filter_and_caller(
    house: House, admin: httpx.AsyncClient
) -> None:
    await house.add_logs([{"message": str(number)} for number in range(3)])
    cursor = (await admin.get(LOGS, params={"limit": "1"})).json()["next_cursor"]
    foreign = await admin.get(LOGS, params={"cursor": cursor, "level": "ERROR"})
    assert (foreign.status_code, foreign.json()["reason"]) == (400, "invalid_cursor")
    async with house.client(await house.token("other@example.com", "admin")) as other:
        assert (await other.get(LOGS, params={"cursor": cursor})).status_code == 400
    for altered in (cursor[:-2], cursor + "A", "x", "", cursor.swapcase()):
        answer = await admin.get(LOGS, params={"cursor": altered})
        assert answer.status_code == 400, altered


async def test_users_see_their_own_rows(house: House) -> None:
    rows = await house.add_logs(
        [
            {"message": "mine", "application": "shop", "user_id": "42"},
            {"message": "another's", "application": "shop", "user_id": "43"},
            {"message": "other app", "application": "blog", "user_id": "42"},
            {"message": "nobody's", "application": "shop"},
        ]
    )
    token = await house.token("jane@example.com", "user", [("shop", "42")])
    async with house.client(token) as jane:
        assert await found(jane) == ["mine"]
        assert await found(jane, ("user_id", "43")) == []
        assert (await jane.get(f"{LOGS}/{rows[0]['id']}")).status_code == 200
        assert (await jane.get(f"{LOGS}/{rows[1]['id']}")).status_code == 404
        counted = (await jane.get(f"{LOGS}/statistics")).json()
        assert (counted["count"], counted["rows"]) == (1, 1)
    async with house.client(await house.token("new@example.com", "user")) as nobody:
        assert await found(nobody) == []
        assert (await nobody.get(f"{LOGS}/{rows[0]['id']}")).status_code == 404


async def test_a_search_out_of_time_says_how_far_it_came(database: str) -> None:
    async with open_house(database, search_budget=timedelta(milliseconds=300)) as house:
        token = await house.token("admin@example.com", "admin")
        days = [NOON - timedelta(days=day) for day in range(12)]
        await house.add_logs(
            [{"message": f"log {number}", "created_at": day} for number, day in enumerate(days)]
        )
        blocker = await asyncpg.connect(database)
        try:
            block = blocker.transaction()
            await block.start()
            await blocker.execute(f'LOCK TABLE "{slice_name(days[4])}" IN ACCESS EXCLUSIVE MODE')
            async with house.client(token) as client:
                page = (await client.get(LOGS, params={"text": "log"})).json()
                assert [item["message"] for item in page["items"]] == ["log 0", "log 1", "log 2"]
                assert page["searched_to"] == "2026-11-21T00:00:00Z"
                turn = {"text": "log", "cursor": page["next_cursor"]}
                page = (await client.get(LOGS, params=turn)).json()
                assert [item["message"] for item in page["items"]] == ["log 3"]
                turn["cursor"] = page["next_cursor"]
                stuck = await client.get(LOGS, params=turn)
                assert (stuck.status_code, stuck.json()["reason"]) == (503, "search_too_slow")
                assert int(stuck.headers["retry-after"]) > 0
                await block.rollback()
                rest = (await client.get(LOGS, params=turn)).json()
            assert [item["message"] for item in rest["items"]] == [
                f"log {number}" for number in range(4, 12)
            ]
            assert (rest["searched_to"], rest["next_cursor"]) == (None, None)
        finally:
            await blocker.close()


async def test_statistics_count_by_level_and_source(house: House, admin: httpx.AsyncClient) -> None:
    await house.add_logs(
        [
            {"created_at": NOON, "level": "ERROR", "source": "frontend", "count": 3},
            {"created_at": NOON + timedelta(minutes=1), "level": "INFO", "source": "backend"},
            {"created_at": NOON + timedelta(hours=2), "level": "INFO", "source": "backend"},
        ]
    )
    answer = await admin.get(
        f"{LOGS}/statistics",
        params={"from": "2026-11-23T12:00:00Z", "to": "2026-11-23T15:00:00Z", "interval": "1h"},
    )
    counted = answer.json()
    assert counted["interval_seconds"] == 3600
    assert (counted["count"], counted["rows"]) == (5, 3)
    assert counted["by_level"] == {"ERROR": 3, "INFO": 2}
    assert counted["by_source"] == {"frontend": 3, "backend": 2}
    assert [bucket["count"] for bucket in counted["buckets"]] == [4, 0, 1]
    assert counted["buckets"][0]["start"] == "2026-11-23T12:00:00Z"
    for wrong in ({"interval": "7s"}, {"limit": "5"}, {"interval": "1s", "from": "2020-01-01"}):
        assert (await admin.get(f"{LOGS}/statistics", params=wrong)).status_code == 422
