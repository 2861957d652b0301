"""The sealer: gives past slices their indexes, one at a time, beside everything else.

It also cleans the indexes that late rows came to, and lets small slices be merged.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from libs.common.clock import Clock
from libs.common.db.engine import DATABASE_ERRORS
from libs.common.runtime import LoopWatch
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.metrics import Metrics
from services.writer.domain.errors import MergeOvertaken
from services.writer.jobs.merger import Merger
from services.writer.store.connection import Database
from services.writer.store.sealing import (
    build,
    clean,
    due_cleanings,
    due_slices,
    finish,
    is_alone,
    leave_log_as_it_is,
    missing_indexes,
)

log = get_logger(__name__)

LONGEST_PAUSE = timedelta(minutes=5)
CLEANING_PERIOD = timedelta(minutes=5)
_AT_ONCE_COUNT = 20
_LONGEST_ROUND = timedelta(hours=12)


@dataclass
class Sealer:
    """Runs in every writer; one at a time works. An error is logged and tried again, more rarely.

    What a killed sealer leaves is an index that is not valid: it is built again.
    """

    database: Database
    clock: Clock
    metrics: Metrics
    grace: timedelta
    merger: Merger
    period: timedelta = timedelta(seconds=10)

    async def run(self, stop: asyncio.Event, watch: LoopWatch) -> None:
        """Work until `stop`, which also ends a build that is under way."""
        pause = self.period
        while not stop.is_set():
            watch.beat("sealer", _LONGEST_ROUND)
            work = asyncio.create_task(self.round(), name="sealing")
            stopping = asyncio.create_task(stop.wait(), name="sealer's stop")
            try:
                await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
                work.cancel()
                outcome = (await asyncio.gather(work, stopping, return_exceptions=True))[0]
            pause = self._judge(outcome, pause)
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await stop.wait()
            except TimeoutError:
                continue
        watch.forget("sealer")

    async def round(self) -> int:
        """Seal, clean and merge until nothing is due; return how many slices were sealed."""
        connection = await self.database.connect()
        if not await is_alone(connection):
            return 0
        await leave_log_as_it_is(connection)
        sealed_count = 0
        while True:
            leaves = await due_slices(connection, self.clock.now() - self.grace, _AT_ONCE_COUNT)
            for leaf in leaves:
                await self.seal(connection, leaf)
            sealed_count += len(leaves)
            for leaf in await due_cleanings(connection, self.clock.now() - CLEANING_PERIOD):
                await clean(connection, leaf)
                self.metrics.counter("headwater_slices_cleaned_total").inc()
            if not (await self.merger.merge_next(connection) or leaves):
                return sealed_count

    async def seal(self, connection: asyncpg.Connection, leaf: str) -> None:
        """Give one leaf all its indexes, then its statistics and its state."""
        began = self.clock.monotonic()
        for index in await missing_indexes(connection, leaf):
            await build(connection, index, leaf)
            self.merger.failpoint.reach("seal_built")
        await finish(connection, leaf)
        self.merger.failpoint.reach("seal_sealed")
        self.metrics.counter("headwater_slices_sealed_total").inc()
        log.info("sealed", slice=leaf, seconds=round(self.clock.monotonic() - began, 3))

    def _judge(self, outcome: int | BaseException, pause: timedelta) -> timedelta:
        """Return how long to wait; raises what is no trouble of the database."""
        if isinstance(outcome, int):
            return self.period
        if isinstance(outcome, asyncio.CancelledError):
            return self.period  # asked to stop; the server was told to give up the build
        if not isinstance(outcome, (*DATABASE_ERRORS, MergeOvertaken)):
            raise outcome
        log.warning("sealing failed", error=repr(outcome))
        if not isinstance(outcome, asyncpg.PostgresError | MergeOvertaken):
            self.database.drop()
        return min(2 * pause, LONGEST_PAUSE)
