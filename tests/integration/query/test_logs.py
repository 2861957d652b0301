"""Searching logs through the API."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx

from tests.integration.query.house import House

LOGS = "/api/v1/logging/logs"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def messages(client: httpx.AsyncClient, **parameters: object) -> list[str]:
    answer = await client.get(LOGS, params=parameters)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [item["message"] for item in answer.json()["items"]]


async def test_a_row_comes_back_as_it_was_stored(house: House, admin: httpx.AsyncClient) -> None:
    (row,) = await house.add_logs(
        [
            {
                "created_at": NOON + timedelta(microseconds=123456),
                "level": "ERROR",
                "message": "ümlaut \u2028 <b>",
                "trace_id": "t1",
                "status_code": 500,
                "duration_ms": 12.5,
                "extra_data": {"cart": {"id": 3, "big": 12345678901234567890}},
                "count": 4,
            }
        ]
    )
    page = (await admin.get(LOGS)).json()
    assert page["next_cursor"] is None
    assert page["prev_cursor"] is None
    assert page["searched_to"] is None
    (item,) = page["items"]
    assert item["id"] == str(row["id"])
    assert item["created_at"] == "2026-11-23T12:00:00.123456Z"
    assert item["extra_data"] == row["extra_data"]
    assert {item[name] for name in ("session_id", "module")} == {None}
    assert (item["level"], item["status_code"], item["count"]) == ("ERROR", 500, 4)
    single = await admin.get(f"{LOGS}/{row['id']}")
    assert single.json() == item


async def test_an_unknown_id_is_404(house: House, admin: httpx.AsyncClient) -> None:
    for log_id in (uuid4(), "ffffffff-ffff-7fff-8000-000000000000"):
        answer = await admin.get(f"{LOGS}/{log_id}")
        assert answer.status_code == 404
        assert answer.json()["reason"] == "not_found"
