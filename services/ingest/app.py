"""Joins the rooms of the gateway; the only place that opens clients."""

import asyncio
import os
import re
import socket
from collections.abc import Callable
from datetime import timedelta

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.common.clock import SystemClock
from libs.common.db.engine import create_engine
from libs.common.http.health import health_routes
from libs.common.http.problems import Problem
from libs.common.ids import new_uuid7
from libs.common.kafka.connection import connection_options
from libs.common.kafka.producer import KafkaPublisher
from libs.common.redaction import Redactor, load_rules, strip_sql_literals
from libs.common.runtime import HttpServer, Listen, LoopWatch
from libs.common.settings import InstallationSettings, KafkaSettings
from libs.common.telemetry.logs import configure_logs, get_logger
from libs.common.telemetry.metrics import Metrics
from libs.common.telemetry.trace import TraceMiddleware
from services.ingest.api import batches, otlp, replay, sentry
from services.ingest.api.batches import BatchEndpoint
from services.ingest.api.intake import Intake
from services.ingest.api.otlp import OtlpEndpoint
from services.ingest.api.replay import ReplayEndpoint
from services.ingest.api.sentry import SentryEndpoint
from services.ingest.domain.inflight import Inflight
from services.ingest.domain.ledger import Ledger
from services.ingest.domain.quota import Quotas
from services.ingest.jobs.upkeep import Upkeep
from services.ingest.publisher import BatchPublisher
from services.ingest.settings import IngestSettings
from services.ingest.store.keys import KeyStore
from services.ingest.store.ledger import LedgerStore

log = get_logger(__name__)

START_PATIENCE = timedelta(seconds=3)
START_GLANCE = timedelta(milliseconds=20)


class RedactionRules:
    """The redaction engine in the form that the domain asks for."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.redact_raw = redactor.redact_raw
        self.redact_within = redactor.redact_within
        self.redact_events = redactor.redact_events
        self.redact_text = redactor.redact_text
        self.strip_literals = strip_sql_literals


def route_paths(endpoints: dict[str, ASGIApp], others: ASGIApp) -> ASGIApp:
    """Send exact paths to their endpoints and the rest to another router."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoints.get(scope["path"], others)(scope, receive, send)

    return app


def route_matching(pattern: re.Pattern[str], endpoint: ASGIApp, others: ASGIApp) -> ASGIApp:
    """Send paths of one form to their endpoint and the rest to a framework's router."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = pattern.fullmatch(scope["path"])
        await (endpoint if found else others)(scope, receive, send)

    return app


async def _wait_until(is_ready: Callable[[], bool], stop: asyncio.Event) -> None:
    """Wait a moment for keys and Kafka: until then connections queue, so that a restart shows less.

    Not for long: the process answers what it can, and `/readyz` says what is missing.
    """
    for _ in range(START_PATIENCE // START_GLANCE):
        if is_ready() or stop.is_set():
            return
        await asyncio.sleep(START_GLANCE.total_seconds())


async def _answer_no_route(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    reason = {404: "not_found", 405: "method_not_allowed"}.get(status, "internal_error")
    problem = Problem(status, reason)
    return Response(problem.body(), status, problem.headers())


async def serve(settings: IngestSettings, stop: asyncio.Event) -> None:
    """Run the gateway until `stop`, then drain: answer what runs, flush, close in reverse order."""
    configure_logs("ingest", settings.log_level)
    clock, metrics = SystemClock(), Metrics()
    watch = LoopWatch(clock)
    secret = InstallationSettings().installation_secret()
    redaction = RedactionRules(Redactor(load_rules(settings.redaction_rules_file)))

    engine = create_engine(settings.database_url.get_secret_value(), "ingest", pool_size=3)
    keys = KeyStore(engine)
    ledger = Ledger()
    instance = settings.instance or f"{socket.gethostname()}-{os.getpid()}"
    store = LedgerStore(engine, new_uuid7(clock.now()), instance)
    upkeep = Upkeep(settings, keys, ledger, store)

    producer = KafkaPublisher(connection_options(KafkaSettings()), clock)
    publisher = BatchPublisher(producer, settings.telemetry_topic, ledger, metrics, clock)
    intake = Intake(
        settings=settings,
        limits=settings.limits(),
        keys=keys,
        quotas=Quotas(),
        redaction=redaction,
        publisher=publisher,
        inflight=Inflight(settings.inflight_bytes),
        metrics=metrics,
        clock=clock,
        secret=secret,
    )
    metrics.gauge("headwater_ingest_inflight_bytes").set_function(
        lambda: intake.inflight.held_bytes
    )

    async def missing() -> dict[str, str]:
        parts = {}
        if stop.is_set():
            parts["process"] = "draining"
        if not keys.were_read.is_set():
            parts["postgres"] = "the ingest keys were never read"
        if not producer.is_ready and publisher.paused_reason is None:
            parts["kafka"] = "never connected"
        return parts

    others = Starlette(
        routes=health_routes(watch, missing, metrics),
        exception_handlers={HTTPException: _answer_no_route},
    )
    app = route_paths(
        {
            batches.PATH: BatchEndpoint(intake),
            otlp.PATH: OtlpEndpoint(intake),
            replay.PATH: ReplayEndpoint(intake),
        },
        route_matching(sentry.PATHS, SentryEndpoint(intake), others),
    )
    listen = Listen(settings.listen_host, settings.listen_port, settings.listen_fd)
    server = HttpServer(TraceMiddleware(app), listen, settings.drain_grace, metrics)
    replacements = metrics.counter("headwater_producer_replacements_total")
    producer.on_replaced = replacements.inc

    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(producer.watch(), name="producer watch"),
            tasks.create_task(upkeep.run(publisher, producer, clock, watch), name="upkeep"),
        ]
        await _wait_until(lambda: keys.were_read.is_set() and producer.is_ready, stop)
        await server.start()
        await stop.wait()
        log.info("draining")
        began = clock.monotonic()
        await server.drain()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await producer.stop()
        await upkeep.end(clock)
    await engine.dispose()
    log.info("stopped", seconds=round(clock.monotonic() - began, 3))
