"""The merger: makes few large slices of many small ones, so that searches plan quickly."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

import asyncpg

from libs.common.clock import Clock
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.metrics import Metrics
from services.writer.domain.errors import MergeMismatch
from services.writer.domain.merging import MERGE_FROM_COUNT, Merge, plan_merge
from services.writer.store.failpoints import Failpoint
from services.writer.store.merging import (
    build_indexes,
    create,
    drop_leftovers,
    fill,
    read_parts,
    swap,
)
from services.writer.store.slices import TABLES

log = get_logger(__name__)

SHORTEST_PATIENCE = timedelta(milliseconds=100)
LONGEST_PATIENCE = timedelta(seconds=2)
"""For so long the swap may keep readers and writers waiting behind it."""
_PAUSE_SHARE = 10
"""Between two tries it waits so many times longer than it keeps others waiting."""
_MOST_TRIES = 40
_SUSPECT = "suspect"


@dataclass
class Merger:
    """Works in the sealer's session; whatever ends it half way is begun anew."""

    clock: Clock
    metrics: Metrics
    failpoint: Failpoint
    from_count: int = MERGE_FROM_COUNT
    """Attached slices of a table that are too few to be merged."""
    _suspects: set[str] = field(default_factory=set)
    """Slices whose rows are not as counted: to be looked at, not to be rewritten."""

    async def merge_next(self, connection: asyncpg.Connection) -> bool:
        """Merge one run of some table, after dropping what was left; tell whether there was one."""
        await drop_leftovers(connection)
        for table in TABLES:
            parts = [
                replace(part, state=_SUSPECT) if part.name in self._suspects else part
                for part in await read_parts(connection, table)
            ]
            merge = plan_merge(table, parts, self.from_count)
            if merge is not None:
                await self.merge(connection, merge)
                return True
        return False

    async def merge(self, connection: asyncpg.Connection, merge: Merge) -> None:
        """Make one slice of the sources; raises MergeOvertaken where they have changed."""
        began = self.clock.monotonic()
        await create(connection, merge)
        self.failpoint.reach("merge_created")
        try:
            copied = await fill(connection, merge)
            self.failpoint.reach("merge_copied")
            copied = await build_indexes(connection, merge, copied, self.failpoint)
            self.failpoint.reach("merge_settled")
            for number in range(_MOST_TRIES):
                patience = min(SHORTEST_PATIENCE * 2**number, LONGEST_PATIENCE)
                try:
                    await swap(connection, merge, copied, patience, self.failpoint)
                    break
                except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                    if number == _MOST_TRIES - 1:
                        raise
                    await asyncio.sleep((_PAUSE_SHARE * patience).total_seconds())
        except MergeMismatch as error:
            self._suspects.add(error.slice_name)
            self.metrics.counter("headwater_slice_mismatches_total").inc()
            log.critical(
                "a slice's rows are not as counted", slice=error.slice_name, why=str(error)
            )
            await drop_leftovers(connection)
            return
        self.failpoint.reach("merge_swapped")
        self.metrics.counter("headwater_slices_merged_total").inc(len(merge.sources))
        seconds = round(self.clock.monotonic() - began, 3)
        log.info("merged", slice=merge.name, count=len(merge.sources), seconds=seconds)
        await drop_leftovers(connection)
        self.failpoint.reach("merge_dropped")
