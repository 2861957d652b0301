"""Joins the rooms of the writer; the only place that opens clients."""

import asyncio
import gc
import hashlib
import hmac
from datetime import timedelta

from starlette.applications import Starlette

from libs.common.clock import SystemClock
from libs.common.db.offsets import Fence
from libs.common.http.health import health_routes
from libs.common.kafka.connection import connection_options
from libs.common.kafka.consumer import ConsumerLoop
from libs.common.kafka.reader import KafkaReader, LogUnavailable
from libs.common.runtime import HttpServer, Listen, LoopWatch
from libs.common.settings import InstallationSettings, KafkaSettings, SelfLogsSettings
from libs.common.telemetry.logs import configure_logs, get_logger
from libs.common.telemetry.metrics import Metrics
from libs.common.telemetry.self_logs import send_own_logs
from services.writer.consumer import WriterSink
from services.writer.domain.arrivals import Item
from services.writer.domain.lanes import LANE_COUNT
from services.writer.domain.slicing import RateMeter
from services.writer.jobs.merger import Merger
from services.writer.jobs.sealer import Sealer
from services.writer.jobs.slicer import Slicer
from services.writer.settings import WriterSettings
from services.writer.store.batches import LOOKUP_SESSION
from services.writer.store.connection import DDL_TIMEOUTS, STORING_TIMEOUTS, Database
from services.writer.store.days import Days
from services.writer.store.failpoints import Failpoint
from services.writer.store.sealing import SEALING_SESSION, SEALING_TIMEOUTS
from services.writer.store.slices import TABLES, Slices
from services.writer.store.transaction import StoringOptions, StoringTransaction

log = get_logger(__name__)

CONSUMER = "writer"
_RETRY = timedelta(seconds=1)
_GRACE = timedelta(seconds=2)


async def serve(settings: WriterSettings, stop: asyncio.Event) -> None:
    """Run the writer until `stop`: the running transaction ends, the group is left, all closes.

    Waits for Kafka and Postgres for as long as it takes. Raises Stalled when only a new process
    helps.
    """
    configure_logs(CONSUMER, settings.log_level)
    send_own_logs(CONSUMER, SelfLogsSettings())
    _calm_collector()
    clock, metrics = SystemClock(), Metrics()
    watch = LoopWatch(clock)
    secret = InstallationSettings().installation_secret()
    url = settings.database_url.get_secret_value()
    storing = [Database(url, STORING_TIMEOUTS, LOOKUP_SESSION) for _ in range(LANE_COUNT)]
    meters = {table: RateMeter(widest=settings.widest_slice) for table in TABLES}
    widths = {table: meter.width() for table, meter in meters.items()}
    slices = Slices(Database(url, DDL_TIMEOUTS), clock, hot_widths=widths)
    sealing = Database(url, SEALING_TIMEOUTS, SEALING_SESSION)
    reader = KafkaReader(
        settings.telemetry_topic,
        CONSUMER,
        connection_options(KafkaSettings()),
        settings.reader_limits(),
    )
    loop: ConsumerLoop[Item] | None = None

    async def missing() -> dict[str, str]:
        parts = {}
        if stop.is_set():
            parts["process"] = "draining"
        if not storing[0].is_connected:
            parts["postgres"] = "not connected"
        if loop is None or not loop.is_settled:
            parts["kafka"] = "no partitions assigned yet"
        return parts

    listen = Listen(settings.listen_host, settings.listen_port, settings.listen_fd)
    routes = health_routes(watch, missing, metrics)
    server = HttpServer(Starlette(routes=routes), listen, _GRACE, metrics)
    await server.start()
    try:
        cluster_id = await _cluster_id(reader, stop)
        if cluster_id is not None:
            failpoint = Failpoint(settings.writer_failpoint)
            fence = Fence(CONSUMER, settings.telemetry_topic, cluster_id)
            body_key = hmac.new(secret, b"dead-letter", hashlib.sha256).digest()
            options = StoringOptions(fence, body_key, failpoint)
            days = Days(slices)
            sink = WriterSink(
                storing,
                days,
                StoringTransaction(options, clock),
                metrics,
                settings.slow_from_ms(),
            )
            slicer = Slicer(slices, days, fence, reader, clock, meters)
            merger = Merger(clock, metrics, failpoint, settings.merge_from_count)
            sealer = Sealer(
                sealing, clock, metrics, settings.seal_grace, merger, settings.seal_period
            )
            loop = ConsumerLoop(reader, sink, clock, watch, settings.loop_limits())
            await _start(reader, loop, stop)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(slicer.run(stop, watch), name="slicer")
                tasks.create_task(sealer.run(stop, watch), name="sealer")
                tasks.create_task(loop.run(stop, cluster_id), name="consumer")
    finally:
        began = clock.monotonic()
        await reader.stop()
        for database in storing:
            await database.close()
        await slices.database.close()
        await sealing.close()
        await server.drain()
        log.info("stopped", seconds=round(clock.monotonic() - began, 3))


def _calm_collector() -> None:
    """Let the cycle collector look rarely.

    Decoding makes some 60,000 tracked objects a transaction and no cycle; with the default
    thresholds the collector walks them again and again, for 2 of 3 microseconds an event.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


async def _cluster_id(reader: KafkaReader, stop: asyncio.Event) -> str | None:
    while not stop.is_set():
        try:
            return await reader.cluster_id()
        except LogUnavailable as error:
            log.warning("kafka is not reachable", reason=str(error))
            await _pause(stop)
    return None


async def _start(reader: KafkaReader, loop: ConsumerLoop[Item], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await reader.start(loop.leave)
        except LogUnavailable as error:
            log.warning("kafka is not reachable", reason=str(error))
            await _pause(stop)
        else:
            return


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_RETRY.total_seconds()):
            await stop.wait()
    except TimeoutError:
        return
