"""SQLAlchemy engines with the timeouts that keep a hanging database from hanging us."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from libs.common.clock import SystemClock
from libs.common.settings import DATABASE_SCHEMES

DATABASE_ERRORS = (
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # what asyncpg raises where a session ends while it is being used; neither of the two above
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""All that a database which is away, or goes away, makes our calls raise."""

_TRUSTED = timedelta(seconds=1)
"""A connection that was used so lately is not asked whether it is there."""
_USED_AT = "headwater_used_at"
_CLOCK = SystemClock()


@dataclass(frozen=True)
class Timeouts:
    """How long the database may keep us waiting, by kind of wait."""

    connect: timedelta = timedelta(seconds=5)
    statement: timedelta = timedelta(seconds=30)
    lock: timedelta = timedelta(seconds=12)
    idle_in_transaction: timedelta = timedelta(seconds=8)
    """A process that stops inside a transaction keeps its row locks; the server ends it."""


def server_settings(service: str, timeouts: Timeouts) -> dict[str, str]:
    """Return the session settings that every connection of a service starts with."""

    def in_ms(duration: timedelta) -> str:
        return str(duration // timedelta(milliseconds=1))

    return {
        "application_name": f"headwater-{service}",
        "timezone": "UTC",
        "statement_timeout": in_ms(timeouts.statement),
        "lock_timeout": in_ms(timeouts.lock),
        "idle_in_transaction_session_timeout": in_ms(timeouts.idle_in_transaction),
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "20000",
        # a generic plan prunes slices at run time only, and locks them all first
        "plan_cache_mode": "force_custom_plan",
    }


def create_engine(
    database_url: str, service: str, *, pool_size: int = 10, timeouts: Timeouts | None = None
) -> AsyncEngine:
    """Open nothing yet; connections are made on first use. Dispose of the engine at shutdown."""
    limits = timeouts or Timeouts()
    options: dict[str, Any] = {
        "timeout": limits.connect.total_seconds(),
        # the client's own limit, for a peer that is gone without a word
        "command_timeout": limits.statement.total_seconds() + 5,
        "server_settings": server_settings(service, limits),
    }
    engine = create_async_engine(
        sqlalchemy_url(database_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=limits.connect.total_seconds(),
        # the one that was used last: it is not asked whether it is there, and knows the statements
        pool_use_lifo=True,
        # Errors are logged; what statements carry is nobody's business there.
        hide_parameters=True,
        connect_args=options,
    )
    event.listen(engine.sync_engine, "checkin", _note_use)
    event.listen(engine.sync_engine, "checkout", _check_use)
    return engine


def _note_use(_: Any, record: ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = _CLOCK.monotonic()


def _check_use(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Refuse a pooled connection that is gone; the pool then makes another.

    One that the server closed is known without asking. A peer that is gone without a word is found
    by asking, which is not done before each statement: it takes as long as many a statement.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError
    now = _CLOCK.monotonic()
    idle_s = now - record.info.get(_USED_AT, now)
    if idle_s > _TRUSTED.total_seconds():
        try:
            connection.ping()
        except Exception as error:  # whatever it is, the connection is of no use
            raise DisconnectionError from error


def sqlalchemy_url(database_url: str) -> str:
    """Turn a plain postgresql:// address into the one that names the driver."""
    for scheme in DATABASE_SCHEMES:
        if database_url.startswith(scheme):
            return "postgresql+asyncpg://" + database_url.removeprefix(scheme)
    return database_url
