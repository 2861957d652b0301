"""Kafka in: prepares records and stores what the loop took, in one transaction or a few at once."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg

from libs.common.clock import Clock
from libs.common.db.engine import DATABASE_ERRORS
from libs.common.db.offsets import Fence, StoredOffset, begin_offset, read_offsets, stop_partition
from libs.common.kafka.consumer import Fenced, Overtaken
from libs.common.kafka.positions import Take
from libs.common.kafka.records import Record
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.metrics import Metrics
from services.writer.domain.arrivals import Arrival, Item, event_count, read_record
from services.writer.domain.errors import SliceMissing, TooManyRefused, WriterError
from services.writer.domain.lanes import share_out
from services.writer.domain.refusals import WINDOW_EVENTS
from services.writer.domain.sifting import Sifted
from services.writer.store.connection import Database
from services.writer.store.days import Days
from services.writer.store.transaction import StoringTransaction

log = get_logger(__name__)


class WriterSink:
    """What the consumer loop hands records to."""

    def __init__(
        self,
        databases: Sequence[Database],
        days: Days,
        transaction: StoringTransaction,
        metrics: Metrics,
        slow_from_ms: Mapping[str, float],
    ) -> None:
        self._databases = databases
        """One for each transaction at a time."""
        self._slices = days.slices
        self._days = days
        self._transaction = transaction
        self._slow_from_ms = slow_from_ms
        self._clock: Clock = transaction.clock
        self._events = metrics.counter("headwater_writer_events_total")
        self._seconds = metrics.histogram("headwater_writer_transaction_seconds")
        self._rollbacks = metrics.counter("headwater_writer_rollbacks_total")
        self._lag = metrics.gauge("headwater_consumer_lag_records")
        self._halted = metrics.gauge("headwater_consumer_stopped_partitions")

    @property
    def _fence(self) -> Fence:
        return self._transaction.options.fence

    async def read_offsets(self, partitions: Collection[int]) -> dict[int, StoredOffset]:
        async with self._connection() as connection:
            return await read_offsets(connection, self._fence, partitions)

    async def begin_offset(self, partition: int, next_offset: int) -> None:
        async with self._connection() as connection:
            await begin_offset(connection, self._fence, partition, next_offset)

    async def stop_partition(self, partition: int, reason: str) -> None:
        async with self._connection() as connection:
            await stop_partition(connection, self._fence, partition, reason)

    def prepare(self, record: Record) -> tuple[Item, int]:
        item = read_record(record, self._slow_from_ms)
        return item, event_count(item)

    async def store(self, takes: Sequence[Take[Item]]) -> None:
        try:
            await self._make_places(takes)
        except Exception as error:
            self._after(error, self._databases[0])
            raise
        by_partition = {take.partition: take for take in takes}
        event_counts = {take.partition: sum(map(event_count, take.items)) for take in takes}
        lanes = [
            [by_partition[partition] for partition in sorted(lane)]
            for lane in share_out(event_counts, len(self._databases))
        ]
        # All of them end before an error goes up: after it, every offset is read again.
        outcomes = await asyncio.gather(
            *map(self._store_lane, self._databases, lanes), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, SliceMissing):
                raise Overtaken(str(outcome)) from outcome
            if isinstance(outcome, BaseException):
                raise outcome

    def observe(self, lag: Mapping[int, int], halted: Mapping[int, str]) -> None:
        self._lag.clear()
        for partition, count in lag.items():
            self._lag.labels(partition=str(partition)).set(count)
        self._halted.set(len(halted))

    async def _store_lane(self, database: Database, takes: Sequence[Take[Item]]) -> None:
        began = self._clock.monotonic()
        try:
            connection = await database.connect()
            sifted = await self._transaction.run(connection, takes, self._slices.maps)
        except TooManyRefused as error:
            self._rollbacks.labels(reason="too_many_refused").inc()
            await self._store_and_stop(database, takes, error.partition)
            raise Fenced(f"partition {error.partition} stopped: too many rows refused") from error
        except Exception as error:
            self._after(error, database)
            raise
        self._count(sifted)
        self._seconds.observe(self._clock.monotonic() - began)

    async def _make_places(self, takes: Sequence[Take[Item]]) -> None:
        arrivals = [item for take in takes for item in take.items if isinstance(item, Arrival)]
        await self._slices.ensure(arrivals)
        await self._days.ensure({arrival.seen_at for arrival in arrivals})

    async def _store_and_stop(
        self, database: Database, takes: Sequence[Take[Item]], partition: int
    ) -> None:
        """Store the next thousand events of a partition, refused or not, and stop it there.

        So each time that an operator lets it go on it moves, and never fills the table of dead
        letters in one go.
        """
        take = first_events(next(t for t in takes if t.partition == partition), WINDOW_EVENTS)
        connection = await database.connect()
        try:
            sifted = await self._transaction.run(
                connection, [take], self._slices.maps, stopping=partition
            )
        except Exception as error:
            self._after(error, database)
            raise
        self._transaction.windows.pop(partition, None)
        self._count(sifted)

    def _after(self, error: Exception, database: Database) -> None:
        """Leave a connection behind that can be used, or none."""
        reason = "connection" if isinstance(error, DATABASE_ERRORS) else "unexpected"
        if isinstance(error, Fenced):
            reason = "fenced"
        elif isinstance(error, SliceMissing):
            reason = "slice_missing"
            self._slices.maps.clear()
        elif isinstance(error, asyncpg.PostgresError):
            reason = f"sqlstate_{error.sqlstate}"
            if (error.sqlstate or "").startswith("42"):
                log.critical("the database's schema does not fit this program", error=str(error))
        if not isinstance(error, Fenced | WriterError | asyncpg.PostgresError):
            database.drop()
        self._rollbacks.labels(reason=reason).inc()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        database = self._databases[0]
        try:
            yield await database.connect()
        except Exception:
            database.drop()
            raise

    def _count(self, sifted: Sifted) -> None:
        total = sifted.ledger.total()
        for fate, count in (
            ("stored", total.stored),
            ("aggregated_only", total.aggregated_only),
            ("duplicate", total.duplicate),
            ("conflict", total.conflict),
            ("dead_lettered", total.dead_lettered + len(sifted.undecodable)),
        ):
            if count > 0:
                self._events.labels(fate=fate).inc(count)


def first_events(take: Take[Item], most: int) -> Take[Item]:
    """Cut a take after so many events, but not before its first record."""
    count = weight = 0
    for item in take.items:
        weight += event_count(item)
        if count and weight > most:
            break
        count += 1
    return Take(take.partition, take.expected, take.records[:count], take.items[:count])
