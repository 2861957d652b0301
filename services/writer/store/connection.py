"""One asyncpg connection that is made again after every failure."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg

from libs.common.db.engine import DATABASE_ERRORS, Timeouts, server_settings
from libs.common.telemetry.logs import get_logger

log = get_logger(__name__)

STORING_TIMEOUTS = Timeouts()
DDL_TIMEOUTS = Timeouts(lock=timedelta(seconds=2))
_LAST_SECONDS = 5.0
"""How much longer the client waits than the server may work: then the server is gone."""


@dataclass
class Database:
    """A connection for one task at a time; `drop` after any error but Postgres' own."""

    url: str
    timeouts: Timeouts
    session: dict[str, str] = field(default_factory=dict)
    """Settings of the session on top of the usual ones."""
    _connection: asyncpg.Connection | None = None

    async def connect(self) -> asyncpg.Connection:
        """Return the live connection, made now where there is none.

        Raises OSError, TimeoutError or asyncpg.PostgresError while the server cannot be reached.
        """
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self.url,
                timeout=self.timeouts.connect.total_seconds(),
                command_timeout=self.timeouts.statement.total_seconds() + _LAST_SECONDS,
                server_settings={**server_settings("writer", self.timeouts), **self.session},
            )
            log.info("connected to postgres")
        return self._connection

    @property
    def is_connected(self) -> bool:
        """Tell whether there is a connection that is not known to be broken."""
        return self._connection is not None and not self._connection.is_closed()

    def drop(self) -> None:
        """Close at once, without a word to a server that may be gone: it rolls back by itself."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()

    async def close(self) -> None:
        """Close in order, within a second."""
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            async with asyncio.timeout(1):
                await connection.close()
        except DATABASE_ERRORS:
            connection.terminate()
