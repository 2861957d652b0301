"""A database whose slices are hot until they are sealed, and who seals them."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.writer.jobs.sealer import Sealer
from tests.integration.writer.sealed import make_sealer


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(database)
    yield made
    await made.close()


@pytest.fixture
async def sealer(database: str) -> AsyncIterator[Sealer]:
    made = make_sealer(database)
    yield made
    await made.database.close()
