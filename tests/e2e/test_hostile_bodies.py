"""Bodies of every route with texts that neither UTF-8 nor PostgreSQL can hold: refused by name."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.e2e.test_access_matrix import BODIES, call_with, routes
from tests.integration.query.house import House, open_house

HALF = "\ud800"
LOGIN = {"email": "jane@example.com", "password": "not the password"}
ALL_BODIES = {**BODIES, ("post", "/api/v1/auth/login"): LOGIN}


@pytest.fixture
async def house(database: str) -> AsyncIterator[House]:
    async with open_house(database) as opened:
        yield opened


def with_one_replaced(part: Any, text: str) -> Iterator[Any]:
    """Return a body as often as it has texts and names, each time with another one replaced."""
    if isinstance(part, str):
        yield text
    elif isinstance(part, list):
        for at, one in enumerate(part):
            yield from (
                [*part[:at], made, *part[at + 1 :]] for made in with_one_replaced(one, text)
            )
    elif isinstance(part, dict):
        yield {**part, text: "x"}
        for name, one in part.items():
            yield from ({**part, name: made} for made in with_one_replaced(one, text))


async def test_every_route_with_a_body_is_tried(house: House) -> None:
    document = house.api.openapi()["paths"]
    with_body = {
        (method, path) for method, path in routes(house) if "requestBody" in document[path][method]
    }
    assert with_body == set(ALL_BODIES)


@pytest.mark.parametrize("text", [HALF, f"a{HALF}b", "\x00", "a\x00b"])
async def test_no_text_ends_in_an_error_of_ours(house: House, text: str) -> None:
    token = await house.token("admin@example.com", "admin")
    tried = 0
    async with house.client(token) as admin:
        for (method, path), body in ALL_BODIES.items():
            for hostile in with_one_replaced(body, text):
                answer = await call_with(admin, method, path, json.dumps(hostile))
                assert 400 <= answer.status_code < 500, f"{method} {path} {hostile!r}"
                assert answer.headers["content-type"] == "application/problem+json"
                if HALF in text:
                    assert answer.status_code == 422, f"{method} {path} {hostile!r}"
                    assert "not Unicode" in answer.json()["detail"]
                tried += 1
    assert tried > 2 * len(ALL_BODIES)


@pytest.mark.parametrize("text", [HALF, "\x00"])
@pytest.mark.parametrize("name", ["q", "text", "module", "extra.a", f"extra.{HALF}"])
async def test_no_filter_of_an_export_does(house: House, name: str, text: str) -> None:
    token = await house.token("admin@example.com", "admin")
    path = "/api/v1/logging/logs/export"
    async with house.client(token) as admin:
        for filters in ({name: text}, {name: [text, "b"]}):
            body = json.dumps({"format": "csv", "filters": filters})
            answer = await call_with(admin, "post", path, body)
            assert answer.status_code == 422, answer.text
    assert await house.fetch("SELECT 1 FROM audit_log WHERE action = 'logs.export'") == []
