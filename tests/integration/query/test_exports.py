"""Exports through the API: whole, resumable, written down, own rows only."""

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy import event

from services.query.settings import QuerySettings
from tests.integration.query.house import House, open_house, slice_name
from tests.integration.query.sealing import seal

EXPORT = "/api/v1/logging/logs/export"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def rows(house: House) -> list[dict[str, Any]]:
    """Twelve thousand logs over three days, every third an error; newest first."""
    made = await house.add_logs(
        {
            "message": f"log {number}",
            "level": "ERROR" if number % 3 == 0 else "INFO",
            "created_at": NOON - timedelta(seconds=15 * (number // 2)),
        }
        for number in range(12_000)
    )
    return sorted(made, key=lambda row: (row["created_at"], row["id"]), reverse=True)


async def export(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    answer = await client.post(EXPORT, json=body)
    assert answer.status_code == 200, answer.text
    return answer


async def receive(client: httpx.AsyncClient, received: bytearray) -> None:
    async with client.stream("POST", EXPORT, json={"format": "ndjson"}) as answer:
        assert "x-headwater-rows" not in answer.headers
        async for piece in answer.aiter_bytes():
            received += piece


def _lose_patience_soon(connection: Any, *_: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SET lock_timeout = '200ms'")
    cursor.close()
    connection.commit()


def ids(answer: httpx.Response) -> list[str]:
    return [json.loads(line)["id"] for line in answer.text.splitlines()]


def ids_of(rows: list[dict[str, Any]]) -> list[str]:
    return [str(row["id"]) for row in rows]


async def test_an_export_holds_every_row_once(
    rows: list[dict[str, Any]], admin: httpx.AsyncClient
) -> None:
    answer = await export(admin, format="ndjson")
    assert ids(answer) == ids_of(rows)
    assert answer.headers["x-headwater-rows"] == "12000"
    assert answer.headers["content-disposition"].endswith('.ndjson"')
    as_array = await export(admin, format="json")
    assert [row["id"] for row in as_array.json()] == ids_of(rows)
    table = csv.DictReader(io.StringIO((await export(admin, format="csv")).text, newline=""))
    assert [row["id"] for row in table] == ids_of(rows)
    lines = (await export(admin, format="txt")).text.splitlines()
    assert [line.partition(" id=")[2].partition(" ")[0] for line in lines] == ids_of(rows)


async def test_filters_are_those_of_the_search(
    house: House, rows: list[dict[str, Any]], admin: httpx.AsyncClient
) -> None:
    await seal(house, NOON - timedelta(days=1))
    wanted = [row for row in rows if row["level"] == "ERROR" and row["created_at"] < NOON]
    filters: dict[str, Any] = {"level": ["error", "critical"], "to": NOON.isoformat()}
    answer = await export(admin, format="ndjson", filters=filters)
    assert ids(answer) == ids_of(wanted)
    assert answer.headers["x-headwater-rows"] == str(len(wanted))
    answer = await export(admin, format="ndjson", filters={"q": "log -level:info"})
    assert ids(answer) == ids_of([row for row in rows if row["level"] == "ERROR"])


async def test_an_export_goes_on_behind_its_last_row(
    rows: list[dict[str, Any]], admin: httpx.AsyncClient
) -> None:
    for cut in (1, 4_999, 5_000, 11_999, 12_000):
        answer = await export(admin, format="ndjson", after=str(rows[cut - 1]["id"]))
        assert ids(answer) == ids_of(rows[cut:])
        assert answer.headers["x-headwater-rows"] == str(12_000 - cut)


@pytest.fixture
async def quick(rows: list[dict[str, Any]], database: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that counts and waits for locks only for a moment."""
    async with open_house(database, export_count_budget=timedelta(milliseconds=100)) as opened:
        event.listen(opened.engine.sync_engine, "checkout", _lose_patience_soon)
        async with opened.client(await opened.token("admin@example.com", "admin")) as client:
            yield client


async def test_a_broken_off_export_is_seen_and_can_be_finished(
    rows: list[dict[str, Any]], database: str, quick: httpx.AsyncClient
) -> None:
    """A slice stays locked for longer than the export has patience: no clean end is sent."""
    blocker = await asyncpg.connect(database)
    try:
        block = blocker.transaction()
        await block.start()
        oldest = slice_name(rows[-1]["created_at"])
        await blocker.execute(f'LOCK TABLE "{oldest}" IN ACCESS EXCLUSIVE MODE')
        received = bytearray()
        with pytest.raises(httpx.RemoteProtocolError):
            await receive(quick, received)
        await block.rollback()
    finally:
        await blocker.close()
    got = [json.loads(line)["id"] for line in received.decode().splitlines()]
    assert 0 < len(got) < len(rows)
    rest = await export(quick, format="ndjson", after=got[-1])
    assert got + ids(rest) == ids_of(rows)


@pytest.fixture
async def impatient(database: str) -> AsyncIterator[House]:
    async with open_house(database, export_count=1) as opened:
        yield opened


async def test_as_many_exports_run_as_may(impatient: House) -> None:
    await impatient.add_logs({"message": "x" * 20_000, "created_at": NOON} for _ in range(2_000))
    client = impatient.client(await impatient.token("admin@example.com", "admin"))
    async with client:
        async with client.stream("POST", EXPORT, json={"format": "ndjson"}) as first:
            assert first.status_code == 200
            second = await client.post(EXPORT, json={"format": "ndjson"})
            assert (second.status_code, second.json()["reason"]) == (503, "exports_busy")
            assert second.headers["retry-after"] == "30"
        for _ in range(2):
            assert (await client.post(EXPORT, json={"format": "pdf"})).status_code == 422
        assert (await export(client, format="ndjson", filters={"level": "ERROR"})).text == ""


async def gets_a_place(client: httpx.AsyncClient) -> None:
    """Export nothing, as soon as there is a place for it."""
    for _ in range(200):
        body = {"format": "ndjson", "filters": {"level": "ERROR"}}
        answer = await client.post(EXPORT, json=body)
        if answer.status_code == 200:
            return
        assert answer.status_code == 503
        await asyncio.sleep(0.05)
    pytest.fail("the place of an export that was broken off is not given back")


async def test_a_client_that_leaves_gives_place_and_connection_back(impatient: House) -> None:
    """Also while the next page is being read, and more often than the pool has connections."""
    await impatient.add_logs({"message": "x" * 20_000, "created_at": NOON} for _ in range(2_000))
    client = impatient.client(await impatient.token("admin@example.com", "admin"))
    async with client:
        for number in range(QuerySettings.model_fields["pool_size"].default + 1):
            async with client.stream("POST", EXPORT, json={"format": "ndjson"}) as answer:
                assert answer.status_code == 200
                pieces = answer.aiter_raw()
                for _ in range(1 + 3 * number):
                    await anext(pieces)
            await gets_a_place(client)
    working = await impatient.fetch(
        "SELECT query FROM pg_stat_activity WHERE application_name LIKE 'headwater-%' "
        "AND state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE '%app_logs%'"
    )
    assert working == []


async def test_whoever_takes_slowly_holds_up_no_transaction(house: House) -> None:
    """A slice can be locked, as sealing and merging do, while an export waits to be taken."""
    made = await house.add_logs({"message": "x" * 20_000, "created_at": NOON} for _ in range(2_000))
    client = house.client(await house.token("admin@example.com", "admin"))
    connection = await asyncpg.connect(house.database_url)
    try:
        async with client, client.stream("POST", EXPORT, json={"format": "ndjson"}) as answer:
            lines = answer.aiter_lines()
            got = [json.loads(await anext(lines))["id"]]
            await connection.execute("SET lock_timeout = '20s'")
            async with connection.transaction():
                await connection.execute(
                    f'LOCK TABLE "{slice_name(NOON)}" IN ACCESS EXCLUSIVE MODE'
                )
            got += [json.loads(line)["id"] async for line in lines]
        assert sorted(got) == sorted(ids_of(made))
    finally:
        await connection.close()


async def test_where_counting_takes_too_long_admins_are_told_the_most(database: str) -> None:
    async with open_house(database, export_count_budget=timedelta(0)) as opened:
        own = {"user_id": "42", "created_at": NOON}
        await opened.add_logs([own, own, {"created_at": NOON - timedelta(days=3)}])
        connection = await asyncpg.connect(database)
        tomorrow = NOON.replace(hour=0) + timedelta(days=1)
        await opened.add_slice(connection, tomorrow, tomorrow + timedelta(days=1))  # made ahead
        await connection.close()
        token = await opened.token("admin@example.com", "admin")
        filters = {"user_id": "42", "from": (NOON - timedelta(days=1)).isoformat()}
        async with opened.client(token) as client:
            whole = await export(client, format="ndjson")
            part = await export(client, format="ndjson", filters=filters)
        assert (len(ids(whole)), whole.headers["x-headwater-rows-at-most"]) == (3, "3")
        assert (len(ids(part)), part.headers["x-headwater-rows-at-most"]) == (2, "2")
        assert "x-headwater-rows" not in whole.headers
        token = await opened.token("jane@example.com", "user", [("shop", "42")])
        async with opened.client(token) as jane:
            hidden = await export(jane, format="ndjson")
        assert (len(ids(hidden)), "x-headwater-rows-at-most" in hidden.headers) == (2, False)


async def test_memory_is_flat_however_much_is_exported(
    house: House, admin: httpx.AsyncClient
) -> None:
    await house.add_logs({"message": "x" * 20_000, "created_at": NOON} for _ in range(5_000))
    received = 0
    tracemalloc.start()
    try:
        async with admin.stream("POST", EXPORT, json={"format": "ndjson"}) as answer:
            async for piece in answer.aiter_raw():
                received += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received > 100_000_000
    # The page that is made, the one that is read, and what the socket has not taken yet: 30 MB.
    assert peak < 45_000_000


async def test_exports_are_in_the_audit_log(house: House, admin: httpx.AsyncClient) -> None:
    await export(admin, format="csv", filters={"level": "ERROR"})
    (entry,) = await house.fetch("SELECT * FROM audit_log WHERE action = 'logs.export'")
    assert entry["actor"] == "admin@example.com"
    assert json.loads(entry["details"]) == {"format": "csv", "filters": {"level": "ERROR"}}


async def test_own_rows_only(house: House) -> None:
    foreign, own = await house.add_logs(
        [
            {"message": "another's", "user_id": "43", "created_at": NOON},
            {"message": "mine", "user_id": "42", "created_at": NOON},
        ]
    )
    token = await house.token("jane@example.com", "user", [("shop", "42")])
    async with house.client(token) as jane:
        answer = await export(jane, format="ndjson")
        assert ids(answer) == [str(own["id"])]
        assert answer.headers["x-headwater-rows"] == "1"
        refused = [
            await jane.post(EXPORT, json={"format": "ndjson", "after": str(log_id)})
            for log_id in (foreign["id"], uuid4())
        ]
        assert {answer.status_code for answer in refused} == {422}
        assert refused[0].json() == refused[1].json()
    async with house.client(await house.token("new@example.com", "user")) as nobody:
        answer = await export(nobody, format="ndjson")
        assert (answer.text, answer.headers["x-headwater-rows"]) == ("", "0")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"format": "ndjson", "filters": {"colour": "red"}}, "colour"),
        ({"format": "ndjson", "filters": {"limit": 5}}, "limit"),
        ({"format": "ndjson", "filters": {"level": "loud"}}, "level"),
        ({"format": "ndjson", "filters": {"q": "level:"}}, "q"),
    ],
)
async def test_what_is_wrong_is_refused_by_name(
    admin: httpx.AsyncClient, body: dict[str, Any], named: str
) -> None:
    answer = await admin.post(EXPORT, json=body)
    assert answer.status_code == 422
    assert answer.json()["parameter"] == named
