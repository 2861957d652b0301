"""The slicer: makes slices and days ahead, drops old days, keeps block range indexes summarised."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg

from libs.common.clock import Clock
from libs.common.db.engine import DATABASE_ERRORS
from libs.common.db.offsets import Fence, read_offsets
from libs.common.kafka.reader import LogReader, LogUnavailable
from libs.common.runtime import LoopWatch
from libs.common.telemetry.logs import get_logger
from services.writer.domain.slicing import RateMeter
from services.writer.store.days import Days
from services.writer.store.slices import TABLES, Slices
from services.writer.store.upkeep import read_row_totals, summarize_hot_slices

log = get_logger(__name__)

AHEAD_COUNT = 2
PERIOD = timedelta(seconds=5)
DAY_PERIOD = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass
class Slicer:
    """Runs beside the consumer; an error is logged and the next round tries again."""

    slices: Slices
    days: Days
    fence: Fence
    reader: LogReader
    clock: Clock
    meters: dict[str, RateMeter] = field(
        default_factory=lambda: {table: RateMeter() for table in TABLES}
    )
    _days_at: float | None = None

    async def run(self, stop: asyncio.Event, watch: LoopWatch) -> None:
        """Work every few seconds until `stop`."""
        while not stop.is_set():
            watch.beat("slicer", timedelta(minutes=3))
            try:
                await self.round()
            except DATABASE_ERRORS as error:
                log.warning("slicer round failed", error=repr(error))
                if not isinstance(error, asyncpg.PostgresError):
                    self.slices.database.drop()
            try:
                async with asyncio.timeout(PERIOD.total_seconds()):
                    await stop.wait()
            except TimeoutError:
                continue
        watch.forget("slicer")

    async def round(self) -> None:
        """Do everything that is due."""
        # slices are merged beside us: a row that came late would cost a rollback
        await self.slices.load()
        await self._measure()
        await self.slices.make_ahead(AHEAD_COUNT)
        now = self.clock.now()
        await self.days.ensure([now, now + _DAY])
        async with self.slices.guard:
            await summarize_hot_slices(await self.slices.database.connect(), now)
        if self._days_at is None or self.clock.monotonic() - self._days_at > (
            DAY_PERIOD.total_seconds()
        ):
            self._days_at = self.clock.monotonic()
            await self.drop_days()

    async def drop_days(self) -> None:
        """Drop the days of batch identities that nothing can come from any more."""
        now = self.clock.now()
        try:
            count = await self.reader.partition_count()
            spans = await self.reader.spans(range(count))
        except LogUnavailable as error:
            log.warning("days kept, the log's ends are unknown", reason=str(error))
            return
        async with self.slices.guard:
            stored = await read_offsets(await self.slices.database.connect(), self.fence)
        lag = {
            partition: span.end - stored[partition].next_offset
            if partition in stored
            else span.end - span.start
            for partition, span in spans.items()
        }
        await self.days.drop_stored(self.fence, lag, now)

    async def _measure(self) -> None:
        async with self.slices.guard:
            totals = await read_row_totals(await self.slices.database.connect())
        for table, meter in self.meters.items():
            meter.feed(totals.get(table, 0), self.clock.monotonic())
            self.slices.hot_widths[table] = meter.width()
