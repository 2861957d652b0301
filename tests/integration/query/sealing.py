"""The writer's own sealer and merger at work on the slices that tests of readers ask."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from libs.common.db.engine import Timeouts
from services.writer.domain.merging import merge_of
from services.writer.jobs.sealer import Sealer
from services.writer.store.merging import read_parts
from tests.integration.query.house import House, slice_name
from tests.integration.writer.sealed import make_sealer

# an index is built once nobody has an older snapshot: where a test has one, say so soon
_TIMEOUTS = Timeouts(statement=timedelta(seconds=60), lock=timedelta(seconds=20))


async def seal(house: House, *days: datetime) -> None:
    """Seal the slices of some days."""
    async with _sealing(house) as sealer:
        connection = await sealer.database.connect()
        for day in days:
            await sealer.seal(connection, slice_name(day))


async def merge(house: House, days: Sequence[datetime]) -> str:
    """Merge the sealed slices of neighbouring days; return the new one's name."""
    names = [slice_name(day) for day in days]
    async with _sealing(house) as sealer:
        connection = await sealer.database.connect()
        parts = await read_parts(connection, "app_logs")
        chosen = merge_of("app_logs", [part for part in parts if part.name in names])
        await sealer.merger.merge(connection, chosen)
    return chosen.name


@asynccontextmanager
async def _sealing(house: House) -> AsyncIterator[Sealer]:
    sealer = make_sealer(house.database_url, _TIMEOUTS)
    try:
        yield sealer
    finally:
        await sealer.database.close()
