"""A stock of log rows in slices, for rows of the bench that read or seal."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from libs.common.clock import Clock, SystemClock
from libs.common.events import LogRow, columns
from libs.common.ids import uuid7
from libs.common.telemetry.metrics import Metrics
from services.writer.domain.counting import SliceCounts, count_rows
from services.writer.domain.merging import MERGE_FROM_COUNT
from services.writer.domain.slicing import Bounds
from services.writer.jobs.merger import Merger
from services.writer.jobs.sealer import Sealer
from services.writer.store.connection import Database
from services.writer.store.counts import add_slice_counts
from services.writer.store.failpoints import Failpoint
from services.writer.store.sealing import SEALING_SESSION, SEALING_TIMEOUTS
from services.writer.store.slices import attach_slice, read_map

WIDTH = timedelta(minutes=15)
TRACE_ROW_COUNT = 4
"""Neighbouring rows with one trace id."""
RARE_EVERY = 20_000
"""One row in so many holds the rare word and the rare value."""
RARE_WORD = "cumquat"
COMMON_WORD = "warehouse"
ABSENT_WORD = "xylophone"
_TRANSACTION_ROW_COUNT = 20_000
_MESSAGES = (
    "order was placed and reserved in the warehouse",
    "cache miss while loading the price list of a tenant",
    "payment provider answered after a retry",
    "user opened the settings page and changed the language",
    "worker finished the nightly import without errors",
    "connection to the upstream was reset, trying the next host",
)
_MODULES = tuple(f"api.part{number}" for number in range(24))
_STATUS_CODES = (200, 200, 200, 404, 500)
_LEVELS = ("DEBUG", *("INFO",) * 6, "WARNING", "WARNING", "ERROR")
_COLUMNS = columns(LogRow)


@dataclass(frozen=True)
class Span:
    """Rows to make, evenly over a range of time that is one slice."""

    bounds: Bounds
    until: datetime
    row_count: int


def spans(now: datetime, slice_count: int, sealed_count: int, hot_count: int) -> list[Span]:
    """Return slices up to now, oldest first; the last one is hot and has `hot_count` rows."""
    hot = Bounds(now - WIDTH * 2 / 3, now + WIDTH / 3)
    past = [
        Bounds(hot.lower - (number + 1) * WIDTH, hot.lower - number * WIDTH)
        for number in reversed(range(slice_count - 1))
    ]
    each = sealed_count // max(1, len(past))
    return [*(Span(one, one.upper, each) for one in past), Span(hot, now, hot_count)]


def make_rows(span: Span, source: random.Random) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a slice in COPY order, as the writer would have decoded them."""
    step = (span.until - span.bounds.lower) / max(1, span.row_count)
    # one call of `random` a value: `choice` and `randrange` would take three times as long
    draw, trace_id = source.random, ""
    for number in range(span.row_count):
        created_at = span.bounds.lower + number * step
        if number % TRACE_ROW_COUNT == 0:
            trace_id = source.randbytes(16).hex()
        message = f"{_MESSAGES[int(draw() * 6)]}, item {int(draw() * 10_000)}"
        order = ""
        if draw() * RARE_EVERY < 1:
            message += f" {RARE_WORD}"
            order = ', "order": "rare"'
        yield (
            created_at,
            uuid7(int(created_at.timestamp() * 1_000), source.randbytes(10)),
            created_at,
            "bench",
            "production",
            "1.2.3",
            "backend",
            _LEVELS[int(draw() * 10)],
            message,
            trace_id,
            trace_id[:16],
            f"u-{int(draw() * 20_000):05}",
            _MODULES[int(draw() * 24)],
            "/api/v1/orders/{id}",
            "GET",
            _STATUS_CODES[int(draw() * 5)],
            float(int(draw() * 2_000)),
            1,
            f'{{"tenant": "t{int(draw() * 200)}", "cart": {number % 9}{order}}}',
        )


async def attach(connection: asyncpg.Connection, stock: list[Span]) -> None:
    """Make the slices, as if each had been made when its time came."""
    for span in stock:
        async with connection.transaction():
            await attach_slice(connection, "app_logs", span.bounds)
    await connection.execute("UPDATE slices SET made_at = lower_bound")


async def store(connection: asyncpg.Connection, rows: list[tuple[Any, ...]]) -> None:
    """Store rows and count them, in transactions as large as the writer's."""
    slices = await read_map(connection, "app_logs")
    for start in range(0, len(rows), _TRANSACTION_ROW_COUNT):
        some = rows[start : start + _TRANSACTION_ROW_COUNT]
        async with connection.transaction():
            await connection.copy_records_to_table("app_logs", records=some, columns=_COLUMNS)
            counts: SliceCounts = {}
            count_rows(slices, {0: some}, counts)
            await add_slice_counts(connection, counts)


async def summarise(connection: asyncpg.Connection) -> None:
    """Let the hot slice's bloom take in all its rows, as the writer's upkeep does."""
    await connection.execute(
        "SELECT brin_summarize_new_values(indexrelid) FROM pg_index "
        "JOIN pg_inherits ON inhrelid = indexrelid WHERE inhparent = 'ix_app_logs_bloom'::regclass"
    )


async def seal(database_url: str, clock: Clock | None = None) -> int:
    """Seal all slices that are past, as the writer does; return how many there were."""
    clock, metrics = clock or SystemClock(), Metrics()
    merger = Merger(clock, metrics, Failpoint(""), MERGE_FROM_COUNT * 100)
    database = Database(database_url, SEALING_TIMEOUTS, SEALING_SESSION)
    try:
        return await Sealer(database, clock, metrics, timedelta(0), merger).round()
    finally:
        await database.close()
