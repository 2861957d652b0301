"""Listeners of SQLAlchemy engines."""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from headwater_sdk.client import Client
from headwater_sdk.record.exceptions import type_name
from headwater_sdk.work import current_work

_STARTED = "headwater_sdk_started"
_STATEMENT_LENGTH = 8_000


def watch_engine(client: Client, engine: Any) -> None:
    """Make a `query` of each statement of an engine, sync or async, that takes `queries_from`.

    An event holds the statement with `?` for its literals, never the parameters.
    """
    sync: Engine = getattr(engine, "sync_engine", engine)
    from_s = client.settings.queries_from.total_seconds()
    monotonic = client.clock.monotonic

    def before(connection: Connection, *_: Any) -> None:
        connection.info[_STARTED] = monotonic()

    def report(connection: Connection, statement: str | None, error: BaseException | None) -> None:
        started = connection.info.pop(_STARTED, None)
        if started is None:
            return
        took_s = monotonic() - started
        if took_s >= from_s or error is not None:
            client.safely(lambda: _capture(client, sync.dialect.name, statement, took_s, error))

    def after(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        report(connection, statement, None)

    def failed(context: ExceptionContext) -> None:
        if context.connection is not None:
            report(context.connection, context.statement, context.original_exception)

    listeners = (
        ("before_cursor_execute", before),
        ("after_cursor_execute", after),
        ("handle_error", failed),
    )
    for name, listener in listeners:
        event.listen(sync, name, listener)

    def undo() -> None:
        for name, listener in listeners:
            event.remove(sync, name, listener)

    client.add_undo(undo)


def _capture(
    client: Client, database: str, statement: str | None, took_s: float, error: BaseException | None
) -> None:
    extra = {"database": database}
    if error is not None:
        extra["failed"] = type_name(error)
    query = {
        "kind": "query",
        "statement": (statement or "")[:_STATEMENT_LENGTH],
        "extra_data": extra,
    }
    work = current_work.get()
    if work is not None and work.path is not None:
        query["request_path"], query["request_method"] = work.path, work.method or ""
    client.capture_sample(query, work, took_s)
