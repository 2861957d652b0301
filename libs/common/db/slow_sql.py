"""Logs SQL statements that took too long, with the trace id of the request that sent them."""

from datetime import timedelta
from typing import Any

from asyncpg.connection import LoggedQuery
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.trace import current_trace_id

SLOW = timedelta(milliseconds=500)
_LONGEST_STATEMENT = 4_000
_STARTED = "headwater_statement_started"

log = get_logger(__name__)


def log_slow_statements(engine: AsyncEngine, clock: Clock, limit: timedelta = SLOW) -> None:
    """Log each statement of an engine that takes longer than `limit`, or fails after so long.

    A line holds the statement as text with placeholders and never its parameters: these are what
    users typed, and what was redacted nowhere.
    """
    limit_s = limit.total_seconds()

    def before(connection: Connection, *_: Any) -> None:
        connection.info[_STARTED] = clock.monotonic()

    def report(connection: Connection, statement: str | None, outcome: str) -> None:
        started = connection.info.pop(_STARTED, None)
        if started is not None:
            tell(clock.monotonic() - started, statement, outcome)

    def tell(seconds: float, statement: str | None, outcome: str) -> None:
        if seconds >= limit_s:
            log.warning(
                "slow statement",
                duration_ms=round(seconds * 1000, 1),
                statement=(statement or "")[:_LONGEST_STATEMENT],
                outcome=outcome,
                trace_id=current_trace_id.get(),
            )

    def after(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        report(connection, statement, "done")

    def failed(context: ExceptionContext) -> None:
        if context.connection is not None:
            report(context.connection, context.statement, "failed")

    def by_driver(record: LoggedQuery) -> None:
        tell(record.elapsed, record.query, "done" if record.exception is None else "failed")

    def connected(connection: Any, _: Any) -> None:
        # statements that reach the driver without SQLAlchemy
        connection.driver_connection.add_query_logger(by_driver)

    event.listen(engine.sync_engine, "connect", connected)
    event.listen(engine.sync_engine, "before_cursor_execute", before)
    event.listen(engine.sync_engine, "after_cursor_execute", after)
    event.listen(engine.sync_engine, "handle_error", failed)
