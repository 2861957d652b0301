"""Keys, users, tokens, dead letters: what admins change, and the trace it leaves."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from libs.common.access_keys import hash_secret, internal_signature
from libs.common.runtime import HttpServer, Listen
from tests.integration.query.house import SECRET, House, open_house

ADMIN = "/api/v1/admin"
KEY = {"application": "shop", "name": "web", "kind": "browser", "origins": ["https://a.example"]}


async def actions(house: House) -> list[str]:
    rows = await house.fetch("SELECT action FROM audit_log WHERE actor <> 'test' ORDER BY at, id")
    return [row["action"] for row in rows]


async def test_an_ingest_key_from_birth_to_rest(house: House, admin: httpx.AsyncClient) -> None:
    made = await admin.post(f"{ADMIN}/ingest-keys", json=KEY)
    assert made.status_code == 201
    key = made.json()
    prefix, key_id, secret = key["key"].split("_")
    assert (prefix, key_id) == ("hw", key["id"])
    (stored,) = await house.fetch("SELECT secret_hash FROM ingest_keys")
    assert stored["secret_hash"] == hash_secret(secret)

    path = f"{ADMIN}/ingest-keys/{key_id}"
    listed = (await admin.get(f"{ADMIN}/ingest-keys")).json()["items"]
    assert [item["id"] for item in listed] == [key_id]
    assert secret not in (await admin.get(f"{ADMIN}/ingest-keys")).text
    read = await admin.get(path)
    assert read.headers["etag"] == read.json()["etag"] == made.headers["etag"]

    change = {"is_enabled": False, "events_per_minute": 100}
    assert (await admin.patch(path, json=change)).status_code == 428
    stale = await admin.patch(path, json=change, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    changed = await admin.patch(path, json=change, headers={"if-match": read.headers["etag"]})
    assert changed.status_code == 200
    assert (changed.json()["is_enabled"], changed.json()["events_per_minute"]) == (False, 100)
    assert changed.headers["etag"] != read.headers["etag"]

    rotated = await admin.post(f"{path}/rotate")
    assert rotated.status_code == 200
    assert rotated.json()["key"] not in (key["key"], None)
    assert rotated.json()["previous_valid_until"] is not None
    assert await actions(house) == [
        "ingest_key.create",
        "ingest_key.change",
        "ingest_key.rotate",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "server2"},
        {"origins": []},
        {"origins": ["https://a.example/path"]},
        {"origins": ["javascript:alert(1)"]},
        {"may_backfill": True},
        {"application": ""},
        {"application": "a\0b"},
        {"colour": "red"},
        {"events_per_minute": 0},
    ],
)
async def test_a_wrong_key_is_refused(admin: httpx.AsyncClient, change: dict[str, Any]) -> None:
    answer = await admin.post(f"{ADMIN}/ingest-keys", json=KEY | change)
    assert (answer.status_code, answer.json()["reason"]) == (422, "invalid_document")


async def test_a_browser_key_keeps_its_origins(admin: httpx.AsyncClient) -> None:
    key = (await admin.post(f"{ADMIN}/ingest-keys", json=KEY)).json()
    changes: tuple[dict[str, Any], ...] = ({"origins": []}, {"may_backfill": True})
    for change in changes:
        answer = await admin.patch(
            f"{ADMIN}/ingest-keys/{key['id']}", json=change, headers={"if-match": "*"}
        )
        assert answer.status_code == 422


async def test_a_user_from_birth_to_rest(house: House, admin: httpx.AsyncClient) -> None:
    body = {
        "email": "jane@example.com",
        "password": "a long enough password",
        "role": "user",
        "subjects": [["shop", "42"]],
    }
    made = await admin.post(f"{ADMIN}/users", json=body)
    assert made.status_code == 201, made.text
    assert "password" not in made.text
    path = f"{ADMIN}/users/{made.json()['id']}"
    taken = await admin.post(f"{ADMIN}/users", json=body | {"email": "JANE@example.com"})
    assert (taken.status_code, taken.json()["reason"]) == (409, "email_taken")

    async with house.client() as jane:
        login = {"email": body["email"], "password": body["password"]}
        me = await jane.post("/api/v1/auth/login", json=login)
        assert me.json()["subjects"] == [["shop", "42"]]
        change: dict[str, Any] = {"subjects": []}
        headers = {"if-match": made.headers["etag"]}
        changed = await admin.patch(path, json=change, headers=headers)
        assert changed.status_code == 200
        assert (await jane.get("/api/v1/auth/me")).json()["subjects"] == []
        ending: tuple[dict[str, Any], ...] = (
            {"password": "another long password"},
            {"role": "admin"},
        )
        for change_ending_sessions in ending:
            await admin.patch(path, json=change_ending_sessions, headers={"if-match": "*"})
            assert (await jane.get("/api/v1/auth/me")).status_code == 401
            login["password"] = "another long password"
            assert (await jane.post("/api/v1/auth/login", json=login)).status_code == 200
        await admin.patch(path, json={"is_active": False}, headers={"if-match": "*"})
        assert (await jane.get("/api/v1/auth/me")).status_code == 401
    assert "a long" not in str(await house.fetch("SELECT details FROM audit_log"))
    assert (await admin.get(f"{ADMIN}/users/{uuid4()}")).status_code == 404
    listed = (await admin.get(f"{ADMIN}/users", params={"limit": 1})).json()
    assert [item["email"] for item in listed["items"]] == ["jane@example.com"]
    older = await admin.get(f"{ADMIN}/users", params={"cursor": listed["next_cursor"]})
    assert [item["email"] for item in older.json()["items"]] == ["admin@example.com"]


async def test_the_last_admin_stays(house: House, admin: httpx.AsyncClient) -> None:
    (user,) = await house.fetch("SELECT id FROM users")
    changes: tuple[dict[str, Any], ...] = ({"role": "user"}, {"is_active": False})
    for change in changes:
        answer = await admin.patch(
            f"{ADMIN}/users/{user['id']}", json=change, headers={"if-match": "*"}
        )
        assert (answer.status_code, answer.json()["reason"]) == (409, "last_admin")


async def test_an_api_token_from_birth_to_rest(house: House, admin: httpx.AsyncClient) -> None:
    user_id = await house.user("jane@example.com", "user")
    body = {"user_id": str(user_id), "name": "report", "expires_at": "2100-01-01T00:00:00Z"}
    made = await admin.post(f"{ADMIN}/api-tokens", json=body)
    assert made.status_code == 201
    async with house.client(made.json()["token"]) as program:
        assert (await program.get("/api/v1/auth/me")).json()["email"] == "jane@example.com"
        path = f"{ADMIN}/api-tokens/{made.json()['id']}"
        assert (await admin.delete(path)).status_code == 204
        assert (await program.get("/api/v1/auth/me")).status_code == 401
        assert (await admin.delete(path)).status_code == 204
    listed = (await admin.get(f"{ADMIN}/api-tokens")).json()["items"]
    assert {item["name"]: item["revoked_at"] is not None for item in listed} == {
        "report": True,
        "test": False,
    }
    assert (await admin.delete(f"{ADMIN}/api-tokens/unknown")).status_code == 404
    nobody = body | {"user_id": str(uuid4())}
    assert (await admin.post(f"{ADMIN}/api-tokens", json=nobody)).status_code == 404
    assert await actions(house) == ["api_token.create", "api_token.revoke"]


class Gateway:
    """Stands where the gateway's internal route stands."""

    def __init__(self) -> None:
        self.status = 202
        self.letters: list[dict[str, Any]] = []

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        if request.headers["x-headwater-internal"] != internal_signature(SECRET, body):
            return Response(status_code=401)
        self.letters.append(await request.json())
        return JSONResponse({"reason": "invalid_batch"}, self.status)


async def add_letter(house: House, **changes: Any) -> UUID:
    values: dict[str, Any] = {
        "id": uuid4(),
        "stage": "writer",
        "reason": "row refused",
        "topic": "telemetry",
        "partition": 1,
        "record_offset": 7,
        "application": "shop",
        "key_id": "k1",
        "event_kind": "log",
        "status": "open",
    } | changes
    names = ", ".join([*values, "received_at", "payload"])
    marks = ", ".join(
        [*(f"${n}" for n in range(1, len(values) + 1)), "now()", """'{"message": "x"}'"""]
    )
    await house.fetch(f"INSERT INTO dead_letters ({names}) VALUES ({marks})", *values.values())
    return UUID(str(values["id"]))


async def test_dead_letters_are_replayed_and_discarded(database: str) -> None:
    gateway = Gateway()
    routes = [Route("/internal/replay", gateway.answer, methods=["POST"])]
    server = HttpServer(Starlette(routes=routes), Listen("127.0.0.1", 0), timedelta(seconds=1))
    await server.start()
    try:
        url = f"http://127.0.0.1:{server.port}"
        async with open_house(database, ingest_internal_url=url) as house:
            token = await house.token("admin@example.com", "admin")
            async with house.client(token) as admin:
                await replay_and_discard(house, admin, gateway)
    finally:
        await server.drain()


async def replay_and_discard(house: House, admin: httpx.AsyncClient, gateway: Gateway) -> None:
    first, second = await add_letter(house), await add_letter(house)
    letters = f"{ADMIN}/dead-letters"
    listed = (await admin.get(letters, params={"status": "open", "limit": 1})).json()
    assert len(listed["items"]) == 1
    assert "payload" not in listed["items"][0]
    rest = await admin.get(letters, params={"status": "open", "cursor": listed["next_cursor"]})
    assert len(rest.json()["items"]) == 1
    assert (await admin.get(f"{letters}/{first}")).json()["payload"] == {"message": "x"}

    for status, expected in ((503, 503), (422, 409), (429, 503)):
        gateway.status = status
        refused = await admin.post(f"{letters}/{first}/replay")
        assert refused.status_code == expected
        assert (await admin.get(f"{letters}/{first}")).json()["status"] == "open"
    gateway.status = 202
    accepted = await admin.post(f"{letters}/{first}/replay")
    assert (accepted.status_code, accepted.json()["status"]) == (202, "replaying")
    sent = gateway.letters[-1]
    assert (sent["letter_id"], sent["dead_lettered_count"]) == (str(first), 1)
    assert sent["payload"] == {"message": "x"}
    again = await admin.post(f"{letters}/{first}/replay")
    assert (again.status_code, again.json()["reason"]) == (409, "letter_decided")
    await house.fetch("UPDATE dead_letters SET decided_at = now() - interval '2 min'")
    assert (await admin.post(f"{letters}/{first}/replay")).status_code == 202

    gone = await admin.post(f"{letters}/{second}/discard")
    assert (gone.status_code, gone.json()["status"]) == (200, "discarded")
    assert (await admin.post(f"{letters}/{second}/discard")).status_code == 409
    assert (await admin.post(f"{letters}/{uuid4()}/replay")).status_code == 404
    assert (await actions(house))[-2:] == ["dead_letter.replay", "dead_letter.discard"]
    audit = (await admin.get(f"{ADMIN}/audit", params={"limit": 2})).json()
    assert [line["action"] for line in audit["items"]] == [
        "dead_letter.discard",
        "dead_letter.replay",
    ]


async def test_without_a_gateway_the_letter_stays_open(
    house: House, admin: httpx.AsyncClient
) -> None:
    letter = await add_letter(house)
    answer = await admin.post(f"{ADMIN}/dead-letters/{letter}/replay")
    assert (answer.status_code, answer.json()["reason"]) == (503, "gateway_unavailable")
    (row,) = await house.fetch("SELECT status FROM dead_letters")
    assert row["status"] == "open"
