"""A writer in the test's own process, and batches for it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from libs.common.clock import SystemClock
from libs.common.db.offsets import Fence
from libs.common.events import BatchRecord, ExceptionRow, LogRow, SampleRow, encode_batch
from libs.common.events.records import BatchHeader
from libs.common.ids import batch_key, new_uuid7
from libs.common.kafka.consumer import ConsumerLoop, LoopLimits
from libs.common.kafka.producer import KafkaPublisher
from libs.common.kafka.reader import KafkaReader, LogReader, ReaderLimits
from libs.common.runtime import LoopWatch
from libs.common.telemetry.metrics import Metrics
from services.writer.consumer import WriterSink
from services.writer.domain.arrivals import Item
from services.writer.domain.lanes import LANE_COUNT
from services.writer.store.batches import LOOKUP_SESSION
from services.writer.store.connection import DDL_TIMEOUTS, STORING_TIMEOUTS, Database
from services.writer.store.days import Days
from services.writer.store.failpoints import Failpoint
from services.writer.store.slices import Slices
from services.writer.store.transaction import StoringOptions, StoringTransaction

NOW = datetime(2026, 11, 23, 12, 0, 0, 123_000, tzinfo=UTC)
SLOW = {"request": 1_000.0, "query": 500.0}
SECRET = b"s" * 32

AnyRow = LogRow | ExceptionRow | SampleRow


def log_row(created_at: datetime = NOW, **changes: Any) -> LogRow:
    row = LogRow(
        created_at=created_at,
        id=new_uuid7(created_at),
        received_at=created_at,
        application="shop",
        environment="production",
        release="1.2.3",
        source="backend",
        level="INFO",
        message="order placed",
        trace_id=uuid4().hex,
        session_id=None,
        user_id="u1",
        module="checkout",
        request_path="/orders",
        request_method="POST",
        status_code=200,
        duration_ms=12.5,
        count=1,
        extra_data='{"cart": 3}',
    )
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def exception_row(created_at: datetime = NOW, **changes: Any) -> ExceptionRow:
    log = log_row(created_at)
    row = ExceptionRow(
        **{name: getattr(log, name) for name in LogRow.__struct_fields__},
        exception_type="TypeError",
        stacktrace='[{"function": "pay"}]',
        cause=None,
    )
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def sample_row(created_at: datetime = NOW, **changes: Any) -> SampleRow:
    log = log_row(created_at)
    names = set(SampleRow.__struct_fields__) - {"kind", "statement", "duration_ms"}
    row = SampleRow(
        **{name: getattr(log, name) for name in names},
        kind="request",
        duration_ms=1_500.0,
        statement=None,
    )
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def batch(rows: Sequence[AnyRow], batch_id: UUID | None = None, **header: Any) -> BatchRecord:
    facts: dict[str, Any] = {
        "application": "shop",
        "batch_id": batch_id or uuid4(),
        "key_id": "key1",
        "received_at": NOW,
        "body_hmac": b"h" * 32,
    } | header
    return BatchRecord(
        BatchHeader(**facts),
        [row for row in rows if isinstance(row, LogRow)],
        [row for row in rows if isinstance(row, ExceptionRow)],
        [row for row in rows if isinstance(row, SampleRow)],
    )


def key_of(record: BatchRecord) -> bytes:
    return batch_key(record.header.application, record.header.batch_id)


@asynccontextmanager
async def publishing(connection: dict[str, str]) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(connection, SystemClock())
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


async def publish(publisher: KafkaPublisher, topic: str, *records: BatchRecord) -> None:
    await asyncio.gather(
        *(publisher.publish(topic, key_of(record), encode_batch(record)) for record in records)
    )


@dataclass
class Writer:
    """One writer and what it says about itself."""

    loop: ConsumerLoop[Item]
    sink: WriterSink
    storing: list[Database]
    transaction: StoringTransaction
    slices: Slices
    days: Days
    fence: Fence
    reader: LogReader
    metrics: Metrics
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self) -> None:
        """Close its connections to Postgres."""
        for database in (*self.storing, self.slices.database):
            await database.close()

    def count(self, fate: str) -> float:
        counter = self.metrics.counter("headwater_writer_events_total")
        return float(counter.labels(fate=fate)._value.get())


async def make_writer(
    database: str, topic: str, reader: LogReader, limits: LoopLimits | None = None
) -> Writer:
    clock, metrics = SystemClock(), Metrics()
    cluster_id = await reader.cluster_id()
    fence = Fence("writer", topic, cluster_id)
    slices = Slices(Database(database, DDL_TIMEOUTS), clock)
    transaction = StoringTransaction(StoringOptions(fence, SECRET, Failpoint("")), clock)
    days = Days(slices)
    storing = [Database(database, STORING_TIMEOUTS, LOOKUP_SESSION) for _ in range(LANE_COUNT)]
    sink = WriterSink(storing, days, transaction, metrics, SLOW)
    quick = limits or LoopLimits(look=timedelta(seconds=0.3))
    loop = ConsumerLoop(reader, sink, clock, LoopWatch(clock), quick)
    return Writer(loop, sink, storing, transaction, slices, days, fence, reader, metrics)


@asynccontextmanager
async def writing(
    database: str, topic: str, connection: dict[str, str], limits: LoopLimits | None = None
) -> AsyncIterator[Writer]:
    """Run a writer against real Kafka and Postgres."""
    quick = ReaderLimits(fetch_wait=timedelta(milliseconds=50))
    reader = KafkaReader(topic, f"writer-{topic}", connection, quick)
    writer = await make_writer(database, topic, reader, limits)
    await reader.start(writer.loop.leave)
    running = asyncio.create_task(writer.loop.run(writer.stop, writer.fence.cluster_id))
    try:
        yield writer
    finally:
        writer.stop.set()
        await running
        await reader.stop()
        await writer.close()


async def fetch(database: str, statement: str, *arguments: object) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(database)
    try:
        return [dict(row) for row in await connection.fetch(statement, *arguments)]
    finally:
        await connection.close()


async def value(database: str, statement: str, *arguments: object) -> Any:
    rows = await fetch(database, statement, *arguments)
    return next(iter(rows[0].values())) if rows else None


async def eventually(
    database: str, statement: str, expected: object, seconds: float = 15.0
) -> None:
    """Wait until a statement's single value is as expected."""
    found: object = None
    for _ in range(int(seconds / 0.05)):
        found = await value(database, statement)
        if found == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{statement}: {found!r} instead of {expected!r}")


def payload_of(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["payload"])
    return found
