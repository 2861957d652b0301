"""The writer's bound: bare asyncpg COPY of the rows that a span of the topic holds.

`python -m bench.copying DATABASE_URL SPANS`: SPANS is JSON, by partition the first offset and the
end. Reading, decoding and making slices happen before the clock starts; what is timed is COPY and
commit alone, on one connection, with as many rows a transaction as the writer takes.
"""

import gc
import os
import sys
import time
from itertools import chain
from typing import Any

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from libs.common.clock import SystemClock
from libs.common.kafka.connection import connection_options
from libs.common.settings import KafkaSettings
from libs.common.telemetry.logs import configure_logs
from services.writer.domain.arrivals import KINDS, Arrival, event_count, read_record
from services.writer.settings import WriterSettings
from services.writer.store.connection import DDL_TIMEOUTS, STORING_TIMEOUTS, Database
from services.writer.store.slices import Slices

Spans = dict[int, tuple[int, int]]


async def read_arrivals(topic: str, spans: Spans, slow_from_ms: dict[str, float]) -> list[Arrival]:
    """Return the decoded records of a span of the topic."""
    consumer = AIOKafkaConsumer(
        **connection_options(KafkaSettings()), max_partition_fetch_bytes=8 * 1024 * 1024
    )
    await consumer.start()
    missing = {TopicPartition(topic, p): end for p, (start, end) in spans.items() if end > start}
    arrivals = []
    try:
        consumer.assign(list(missing))
        for tp in missing:
            consumer.seek(tp, spans[tp.partition][0])
        while missing:
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    item = read_record(record, slow_from_ms)
                    assert isinstance(item, Arrival)
                    arrivals.append(item)
                if records and records[-1].offset + 1 >= missing[tp]:
                    del missing[tp]
                    consumer.pause(tp)
    finally:
        await consumer.stop()
    return arrivals


def group_rows(arrivals: list[Arrival], weight: int) -> list[list[list[Any]]]:
    """Return the rows of each transaction, by kind in the order of KINDS."""
    groups: list[list[Arrival]] = [[]]
    taken = 0
    for arrival in arrivals:
        if taken >= weight:
            groups.append([])
            taken = 0
        groups[-1].append(arrival)
        taken += event_count(arrival)
    return [
        [list(chain.from_iterable(a.rows[at] for a in group)) for at in range(len(KINDS))]
        for group in groups
    ]


async def _main(database_url: str, spans: Spans) -> None:
    configure_logs("bench", "WARNING")
    settings = WriterSettings()
    arrivals = await read_arrivals(settings.telemetry_topic, spans, settings.slow_from_ms())
    slices = Slices(Database(database_url, DDL_TIMEOUTS), SystemClock())
    ddl = await slices.database.connect()
    await ddl.execute("TRUNCATE " + ", ".join(kind.table for kind in KINDS))
    await slices.ensure(arrivals)
    await slices.database.close()
    event_total = sum(map(event_count, arrivals))
    groups = group_rows(arrivals, settings.loop_limits().weight)
    del arrivals
    connection = await Database(database_url, STORING_TIMEOUTS).connect()
    gc.collect()
    gc.freeze()
    gc.disable()
    began, cpu = time.perf_counter(), time.process_time()
    for rows_by_kind in groups:
        await _copy(connection, rows_by_kind)
    result = {
        "seconds": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
        "events": event_total,
        "rows": sum(len(rows) for group in groups for rows in group),
    }
    await connection.close()
    os.write(1, msgspec.json.encode(result))


async def _copy(connection: asyncpg.Connection, rows_by_kind: list[list[Any]]) -> None:
    async with connection.transaction():
        for kind, rows in zip(KINDS, rows_by_kind, strict=True):
            if rows:
                await connection.copy_records_to_table(
                    kind.table, records=rows, columns=kind.columns
                )


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Spans)))
