"""Joins the rooms of the query service; the only place that opens clients."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from libs.common.clock import Clock, SystemClock
from libs.common.db.engine import DATABASE_ERRORS, Timeouts, create_engine
from libs.common.db.migrate import head_revision
from libs.common.db.slow_sql import log_slow_statements
from libs.common.http.health import Readiness, health_routes
from libs.common.kafka.connection import connection_options
from libs.common.kafka.follower import TopicFollower
from libs.common.runtime import HttpServer, Listen, LoopWatch
from libs.common.settings import InstallationSettings, KafkaSettings, SelfLogsSettings
from libs.common.telemetry.logs import configure_logs, get_logger
from libs.common.telemetry.metrics import Metrics
from libs.common.telemetry.self_logs import send_own_logs
from libs.common.telemetry.trace import TraceMiddleware
from services.query.api.access import Access
from services.query.api.admin_health import HealthRoutes
from services.query.api.admin_keys import KeyRoutes
from services.query.api.admin_letters import LetterRoutes
from services.query.api.admin_tokens import TokenRoutes
from services.query.api.admin_users import UserRoutes
from services.query.api.auth import AuthRoutes
from services.query.api.docs import docs_routes
from services.query.api.exports import ExportPlaces, ExportRoutes
from services.query.api.guards import AccessLog, BodyLimit, SecurityHeaders
from services.query.api.log_counts import CountRoutes
from services.query.api.login_gate import LoginGate, PasswordHashing
from services.query.api.logs import LogRoutes
from services.query.api.openapi import install_openapi
from services.query.api.problems import install_problem_handlers
from services.query.api.surroundings import SurroundingRoutes
from services.query.api.tail import Tail, TailRoutes
from services.query.consumer import TailHub
from services.query.domain.completeness import Completeness
from services.query.jobs.completeness import CompletenessJob
from services.query.publisher import ReplayPublisher
from services.query.settings import QuerySettings
from services.query.store.accounts import AccountStore
from services.query.store.api_tokens import ApiTokenStore
from services.query.store.audit import AuditStore
from services.query.store.dead_letters import DeadLetterStore
from services.query.store.events import EventStore
from services.query.store.ingest_keys import IngestKeyStore
from services.query.store.ledger import LedgerStore
from services.query.store.log_counts import LogCountStore
from services.query.store.log_exports import LogExportStore
from services.query.store.log_statistics import LogStatisticsStore
from services.query.store.offsets import OffsetStore
from services.query.store.users import UserStore

log = get_logger(__name__)


class CompletenessSource(Protocol):
    """Tells how far the writer is."""

    @property
    def state(self) -> Completeness:
        """Return what was seen last."""
        ...


@dataclass(frozen=True)
class Clients:
    """What the process holds open."""

    engine: AsyncEngine
    metrics: Metrics
    clock: Clock
    watch: LoopWatch
    replays: ReplayPublisher
    tail: Tail | None = None
    """None where no Kafka is at hand."""


def build_api(
    settings: QuerySettings, clients: Clients, completeness: CompletenessSource
) -> FastAPI:
    """Join stores and routes; opens nothing."""
    engine, clock = clients.engine, clients.clock
    accounts = AccountStore(engine)
    access = Access(settings, accounts, clock)
    hashing = PasswordHashing()
    gate = LoginGate(settings, accounts, hashing, clients.metrics)
    api = FastAPI(title="Headwater", version="1", docs_url=None, redoc_url=None)
    api.state.access = access
    letters = DeadLetterStore(engine)
    events = EventStore(engine, clock, settings.search_budget)
    for routes in (
        AuthRoutes(settings, access, accounts, gate, hashing, clock),
        TailRoutes(clients.tail, access, clock, settings),
        ExportRoutes(
            LogExportStore(engine, clock, settings.export_count_budget),
            events,
            clock,
            ExportPlaces(settings.export_count),
        ),
        CountRoutes(
            LogCountStore(engine, clock, settings.search_budget),
            lambda: completeness.state.complete_through,
            clock,
        ),
        SurroundingRoutes(events, lambda: completeness.state.complete_through),
        LogRoutes(
            events,
            LogStatisticsStore(engine, clock, settings.statistics_budget),
            lambda: completeness.state.complete_through,
            clock,
        ),
        KeyRoutes(IngestKeyStore(engine), clock),
        UserRoutes(UserStore(engine), hashing),
        TokenRoutes(ApiTokenStore(engine)),
        LetterRoutes(letters, clients.replays),
        HealthRoutes(
            LedgerStore(engine), letters, AuditStore(engine), lambda: completeness.state, clock
        ),
    ):
        api.include_router(routes.router())
    api.router.routes.extend(health_routes(clients.watch, _readiness(engine), clients.metrics))
    api.router.routes.extend(docs_routes())
    api.add_api_route("/", _to_docs, include_in_schema=False)
    install_openapi(api)
    install_problem_handlers(api)
    return api


def wrap(settings: QuerySettings, clients: Clients, api: FastAPI) -> ASGIApp:
    """Put the middleware around the API, the outermost last."""
    app: ASGIApp = BodyLimit(api, settings.max_body_bytes)
    app = AccessLog(app, clients.metrics, clients.clock)
    return TraceMiddleware(SecurityHeaders(app))


async def serve(settings: QuerySettings, stop: asyncio.Event) -> None:
    """Run the query service until `stop`, then let running requests end and close in reverse."""
    configure_logs("query", settings.log_level)
    send_own_logs("query", SelfLogsSettings())
    clock, metrics = SystemClock(), Metrics()
    watch = LoopWatch(clock)
    engine = create_engine(
        settings.database_url.get_secret_value(),
        "query",
        pool_size=settings.pool_size,
        timeouts=Timeouts(statement=2 * settings.statistics_budget),
    )
    log_slow_statements(engine, clock, settings.slow_statement)
    secret = InstallationSettings().installation_secret()
    replays = ReplayPublisher(settings.ingest_internal_url, secret)
    kafka = connection_options(KafkaSettings())
    tail = TailHub(lambda: TopicFollower(settings.telemetry_topic, kafka), clock)
    clients = Clients(engine, metrics, clock, watch, replays, tail)
    completeness = CompletenessJob(
        kafka,
        settings.telemetry_topic,
        OffsetStore(engine),
        clock,
        watch,
    )
    api = build_api(settings, clients, completeness)
    listen = Listen(settings.listen_host, settings.listen_port, settings.listen_fd)
    server = HttpServer(wrap(settings, clients, api), listen, settings.drain_grace, metrics)
    watching = asyncio.create_task(completeness.run(), name="completeness")
    try:
        await server.start()
        await stop.wait()
        log.info("draining")
        began = clock.monotonic()
        # open tails would hold the drain up until its grace is over
        await tail.close()
        await server.drain()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await tail.close()
        await replays.close()
        await engine.dispose()
    log.info("stopped", seconds=round(clock.monotonic() - began, 3))


def _readiness(engine: AsyncEngine) -> Readiness:
    async def missing() -> dict[str, str]:
        try:
            async with engine.connect() as connection:
                found = (
                    await connection.execute(text("SELECT version_num FROM alembic_version"))
                ).scalar()
        except DATABASE_ERRORS as error:
            return {"postgres": type(error).__name__}
        expected = head_revision()
        return {} if found == expected else {"postgres": f"schema is {found}, not {expected}"}

    return missing


async def _to_docs() -> Response:
    return RedirectResponse("/docs")
