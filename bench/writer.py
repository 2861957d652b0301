"""The writer, from Kafka to committed, against bare COPY of the same rows into the same table."""

import asyncio
import statistics
import sys
import time
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.copying import Spans
from bench.events import make_bodies
from bench.figures import Figure
from bench.house import House, open_house
from bench.ledger import check_ledger
from libs.common.db.migrate import upgrade
from libs.common.topics import TELEMETRY

_BOUND_DATABASE = "bench_bound"


_MUST, _GOAL = 0.7, 0.8
_BATCH_SIZES = (10, 100, 1_000)


async def measure(
    home: Path, *, event_count: int, rounds: int, batch_sizes: tuple[int, ...] = _BATCH_SIZES
) -> list[Figure]:
    """Fill the topic while no writer runs; then bound and writer store it in turn.

    The bound has a database of its own with the same tables, so that the ledger stays true.
    """
    figures = []
    async with open_house(home) as house:
        bound_url = await _make_bound_database(house)
        await house.start("ingest", "services.ingest")
        expected = 0
        for batch_size in batch_sizes:
            results = []
            for round_number in range(rounds + 1):
                spans = await _fill(house, event_count, batch_size, round_number)
                expected += event_count
                if round_number % 2:
                    bound = await _copy(house, bound_url, spans)
                    stored = await _store(house, expected)
                else:
                    stored = await _store(house, expected)
                    bound = await _copy(house, bound_url, spans)
                assert bound["events"] == event_count
                if round_number > 0:  # the first warms up
                    results.append((bound, stored))
            figures.append(_figure(batch_size, event_count, results))
        await check_ledger(house)
    return figures


def _figure(
    batch_size: int, event_count: int, results: list[tuple[dict[str, float], tuple[float, float]]]
) -> Figure:
    copy_per_s = statistics.median(event_count / bound["seconds"] for bound, _ in results)
    writer_per_s = statistics.median(event_count / seconds for _, (seconds, _) in results)
    copy_us = statistics.median(bound["cpu_s"] / event_count * 1e6 for bound, _ in results)
    writer_us = statistics.median(cpu_s / event_count * 1e6 for _, (_, cpu_s) in results)
    return Figure(
        "writer",
        f"batches of {batch_size}, of bare COPY",
        # of pairs: what else the machine does slows both of a pair
        statistics.median(bound["seconds"] / seconds for bound, (seconds, _) in results),
        "of it",
        _MUST,
        _GOAL,
        note=f"COPY {copy_per_s:,.0f} events/s at {copy_us:.1f} us, "
        f"writer {writer_per_s:,.0f} at {writer_us:.1f} us, PostgreSQL's apart",
    )


async def _make_bound_database(house: House) -> str:
    connection = await house.connect()
    try:
        await connection.execute(f"CREATE DATABASE {_BOUND_DATABASE}")
    finally:
        await connection.close()
    url = house.postgres.url(_BOUND_DATABASE)
    await upgrade(url, eager_indexes=False)
    return url


async def _fill(house: House, event_count: int, batch_size: int, round_number: int) -> Spans:
    """Post events while nobody reads them; return where they lie in the topic."""
    before = await _ends(house)
    bodies = make_bodies(event_count, batch_size, seed=round_number * 13 + batch_size)
    await house.load(bodies, house.services["ingest"].port, batch_size)
    after = await _ends(house)
    return {partition: (before[partition], after[partition]) for partition in after}


async def _ends(house: House) -> dict[int, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=house.kafka.bootstrap)
    await consumer.start()
    try:
        wanted = [TopicPartition(TELEMETRY.name, p) for p in range(TELEMETRY.partition_count)]
        return {tp.partition: end for tp, end in (await consumer.end_offsets(wanted)).items()}
    finally:
        await consumer.stop()


async def _copy(house: House, database_url: str, spans: Spans) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.copying", database_url, msgspec.json.encode(spans).decode()),
        stdout=asyncio.subprocess.PIPE,
        env=house.environment(),
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the bound failed")
    result: dict[str, float] = msgspec.json.decode(out)
    return result


async def _store(house: House, expected: int) -> tuple[float, float]:
    """Start a writer on the filled topic; return seconds and CPU seconds from ready to the end."""
    await house.start("writer", "services.writer")
    before = house.cpu_seconds()["writer"]
    began = time.perf_counter()
    await house.wait_stored(expected)
    seconds = time.perf_counter() - began
    used = house.cpu_seconds()["writer"] - before
    await house.stop("writer")
    return seconds, used
