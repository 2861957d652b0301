"""Requests made from the OpenAPI document, good and bad: answers are as documented, never 5xx."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.query.house import House, open_house

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Using these ends what the other requests need: the caller's session, token or user.
ENDS_THE_CALLER = {"/api/v1/auth/logout"}
# Needs Kafka, which is not at hand here, and its answer never ends.
ENDLESS = {"/api/v1/logging/logs/tail"}


@pytest.fixture
async def house(database: str) -> AsyncIterator[House]:
    async with open_house(database) as opened:
        await opened.add_logs([{"message": "one"}, {"message": "two"}])
        yield opened


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_every_route_answers_as_documented(house: House, mode: GenerationMode) -> None:
    token = await house.token("admin@example.com", "admin")
    await asyncio.to_thread(_try_all, house, token, mode)


def _try_all(house: House, token: str, mode: GenerationMode) -> None:
    document = _without_tuples(house.api.openapi())
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.path in ENDS_THE_CALLER | ENDLESS:
            continue

        @settings(
            max_examples=8,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers(case: Case[Any]) -> None:
            headers = {"authorization": f"Bearer {token}"}
            response = case.call(base_url=house.base_url, headers=headers)
            case.validate_response(response, checks=CHECKS)

        answers()


def _without_tuples(part: Any) -> Any:
    """Write pairs as lists of two: the tool's own rewriting of `prefixItems` is no valid schema."""
    if isinstance(part, list):
        return [_without_tuples(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _without_tuples(each) for name, each in part.items()}
    if "prefixItems" in made:
        first, second = made.pop("prefixItems")
        assert first == second
        made["items"] = first
    return made
