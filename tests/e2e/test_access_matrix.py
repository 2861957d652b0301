"""Role x route x foreign id, over every route that the OpenAPI document names.

A route that nobody thought of here fails the test: it has to be put into one of the two lists.
"""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.query.house import House, open_house

PUBLIC = {("post", "/api/v1/auth/login")}
FOR_USERS = {
    ("post", "/api/v1/auth/logout"),
    ("post", "/api/v1/auth/password"),
    ("get", "/api/v1/auth/me"),
    ("get", "/api/v1/logging/logs"),
    ("get", "/api/v1/logging/logs/statistics"),
    ("get", "/api/v1/logging/logs/facets"),
    ("get", "/api/v1/logging/logs/histogram"),
    ("get", "/api/v1/logging/logs/tail"),
    ("get", "/api/v1/logging/logs/{log_id}"),
    ("get", "/api/v1/logging/logs/{log_id}/context"),
    ("get", "/api/v1/logging/traces/{trace_id}"),
    ("post", "/api/v1/logging/logs/export"),
}
HIDDEN = {
    *("/", "/docs", "/docs/docs.css", "/docs/docs.js", "/openapi.json"),
    *("/healthz", "/readyz", "/metrics"),
}
"""Routes that the document does not name: anybody may read them."""
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/api/v1/auth/password"): {
        "current_password": "not the password",
        "new_password": "a long enough password",
    },
    ("post", "/api/v1/admin/ingest-keys"): {"application": "a", "name": "n", "kind": "server"},
    ("patch", "/api/v1/admin/ingest-keys/{key_id}"): {"name": "n"},
    ("post", "/api/v1/admin/users"): {"email": "new@example.com", "role": "user"},
    ("patch", "/api/v1/admin/users/{user_id}"): {"role": "admin"},
    ("post", "/api/v1/logging/logs/export"): {"format": "csv"},
    ("post", "/api/v1/admin/api-tokens"): {"user_id": str(uuid4()), "name": "n"},
}
HEADERS = {"if-match": "*", "content-type": "application/json"}
REFUSALS = {"anonymous": {401}, "invalid": {401}, "user": {403}}


@pytest.fixture
async def house(database: str) -> AsyncIterator[House]:
    async with open_house(database) as opened:
        yield opened


def routes(house: House) -> Iterator[tuple[str, str]]:
    for path, operations in house.api.openapi()["paths"].items():
        for method in operations:
            yield method, path


async def call(
    client: httpx.AsyncClient, method: str, path: str, identity: str | None = None
) -> httpx.Response:
    body = BODIES.get((method, path))
    return await call_with(client, method, path, json.dumps(body) if body else None, identity)


async def call_with(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: str | None,
    identity: str | None = None,
) -> httpx.Response:
    """Call a route with ids of its kind filled in."""
    filled = path
    for name in ("log_id", "user_id", "letter_id"):
        filled = filled.replace(f"{{{name}}}", identity or str(uuid4()))
    for name in ("key_id", "token_id", "trace_id"):
        filled = filled.replace(f"{{{name}}}", "unknown")
    assert "{" not in filled, f"{path}: a new kind of id"
    return await client.request(method, filled, content=body, headers=HEADERS)


def served_paths(some_routes: Sequence[Any]) -> Iterator[str]:
    """Return the paths that are really served, those of included routers too."""
    for route in some_routes:
        router = getattr(route, "original_router", None)
        if router is None:
            yield route.path
        else:
            yield from served_paths(router.routes)


def test_what_is_no_part_of_the_document_shows_nothing(house: House) -> None:
    documented = set(house.api.openapi()["paths"])
    assert set(served_paths(house.api.routes)) - documented == HIDDEN


async def test_every_route_refuses_who_may_not(house: House) -> None:
    await house.token("admin@example.com", "admin")
    user = await house.token("jane@example.com", "user", [("shop", "42")])
    callers = {
        "anonymous": house.client(),
        "invalid": house.client("hwt_unknown_secret"),
        "user": house.client(user),
    }
    checked = 0
    for method, path in routes(house):
        if (method, path) in PUBLIC:
            continue
        is_for_users = (method, path) in FOR_USERS
        assert is_for_users or path.startswith("/api/v1/admin/"), f"{method} {path}: whose is it?"
        for role, client in callers.items():
            answer = await call(client, method, path)
            if role == "user" and is_for_users:
                assert answer.status_code not in (403, 500), f"{role} {method} {path}"
            else:
                assert answer.status_code in REFUSALS[role], f"{role} {method} {path}"
                assert answer.headers["content-type"] == "application/problem+json"
            checked += 1
    for client in callers.values():
        await client.aclose()
    assert checked >= 3 * 20
    # nothing of it left a trace but the export of the user's own rows
    left = await house.fetch("SELECT actor, action FROM audit_log WHERE actor <> 'test'")
    assert [tuple(entry) for entry in left] == [("jane@example.com", "logs.export")]
    assert len(await house.fetch("SELECT 1 FROM users")) == 2


async def test_an_admin_reaches_every_route(house: House) -> None:
    token = await house.token("admin@example.com", "admin")
    async with house.client(token) as admin:
        for method, path in routes(house):
            if (method, path) in PUBLIC or path.endswith("/logout"):
                continue
            answer = await call(admin, method, path)
            is_password = path.endswith("/password")
            allowed = {200, 201, 202, 204, 404} | ({401} if is_password else set())
            if path.endswith("/tail"):
                allowed = {503}  # there is no Kafka here
            assert answer.status_code in allowed, f"{method} {path}: {answer.text}"


@pytest.mark.parametrize(
    "subjects",
    [
        [],
        [("shop", "43")],
        [("blog", "42")],
        [("shop", "42 ")],
        [("shop", "%")],
    ],
)
async def test_a_foreign_row_is_as_good_as_none(
    house: House, subjects: list[tuple[str, str]]
) -> None:
    (row,) = await house.add_logs(
        [{"application": "shop", "user_id": "42", "created_at": datetime.now(UTC)}]
    )
    token = await house.token("jane@example.com", "user", subjects)
    async with house.client(token) as jane:
        foreign = await jane.get(f"/api/v1/logging/logs/{row['id']}")
        missing = await jane.get(f"/api/v1/logging/logs/{uuid4()}")
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() == missing.json()
        for extra in ({}, {"user_id": "42"}, {"application": "shop"}, {"user_id!": "x"}):
            page = await jane.get("/api/v1/logging/logs", params=extra)
            assert page.json()["items"] == []
            counted = await jane.get("/api/v1/logging/logs/statistics", params=extra)
            assert counted.json()["rows"] == 0
