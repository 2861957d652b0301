"""A running query service over a database of the test's own, and rows put in by SQL."""

from collections.abc import AsyncIterator

import httpx
import pytest

from services.query.consumer import TailHub
from tests.integration.query.house import House, open_house
from tests.integration.query.tailing import Feed, feeding, opened_hub
from tests.stack import Stack


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


@pytest.fixture
async def feed(stack: Stack, telemetry: str) -> AsyncIterator[Feed]:
    """What puts batches into Kafka as the gateway does."""
    async with feeding(stack.kafka_connection, telemetry) as opened:
        yield opened


@pytest.fixture
async def hub(stack: Stack, telemetry: str) -> AsyncIterator[TailHub]:
    """What tails follow Kafka by."""
    async with opened_hub(stack.kafka_connection, telemetry) as opened:
        yield opened
