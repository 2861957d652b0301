"""A running query service over a database of the test's own, and rows put in by SQL."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.integration.query.house import House, open_house


@pytest.fixture
async def house(database: str) -> AsyncIterator[House]:
    """The API in this process, on a real socket, without Kafka."""
    async with open_house(database) as opened:
        yield opened


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials."""
    async with house.client() as made:
        yield made


@pytest.fixture
async def admin(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an admin's API token."""
    async with house.client(await house.token("admin@example.com", "admin")) as made:
        yield made
