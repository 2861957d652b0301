"""The query service for tests: the real API over real Postgres, served on a free port."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import SystemClock
from libs.common.db.accounts import create_api_token
from libs.common.db.engine import create_engine
from libs.common.db.tables import User
from libs.common.events import LogRow, columns
from libs.common.ids import new_uuid7
from libs.common.runtime import HttpServer, Listen, LoopWatch
from libs.common.telemetry.metrics import Metrics
from services.query.api.tail import Tail
from services.query.app import Clients, build_api, wrap
from services.query.domain.completeness import Completeness
from services.query.publisher import ReplayPublisher
from services.query.settings import QuerySettings
from services.writer.domain.counting import SliceCounts, count_rows
from services.writer.store.counts import add_slice_counts
from services.writer.store.slices import read_map

LOG_COLUMNS = columns(LogRow)
SECRET = b"0123456789abcdef0123456789abcdef"


class KnownCompleteness:
    """Stands where the job that asks Kafka stands: a state that tests set."""

    def __init__(self) -> None:
        self.state = Completeness()


@dataclass
class House:
    """A running service and its database."""

    base_url: str
    database_url: str
    engine: AsyncEngine
    completeness: KnownCompleteness
    api: Any
    _slices: set[tuple[datetime, datetime]] = field(default_factory=set)

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        """Return a client; with a token it is signed in."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.base_url, headers=headers, timeout=30)

    async def user(
        self,
        email: str,
        role: str,
        subjects: Sequence[tuple[str, str]] = (),
        password_hash: str | None = None,
    ) -> UUID:
        """Make or change a user."""
        values = {
            "email": email,
            "role": role,
            "subjects": [list(pair) for pair in subjects],
            "password_hash": password_hash,
        }
        async with self.engine.begin() as connection:
            known = await connection.execute(select(User.id).where(User.email == email))
            row = known.first()
            if row is not None:
                return UUID(str(row.id))
            made = await connection.execute(insert(User).values(**values).returning(User.id))
            return UUID(str(made.scalar_one()))

    async def token(self, email: str, role: str, subjects: Sequence[tuple[str, str]] = ()) -> str:
        """Make a user, and return the text of an API token."""
        user_id = await self.user(email, role, subjects)
        async with self.engine.begin() as connection:
            made = await create_api_token(connection, user_id=user_id, name="test", actor="test")
        return made.text

    async def add_logs(self, logs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Store and count logs, completed by defaults; makes the slices (of a day) they need."""
        rows = [complete_log(log) for log in logs]
        connection = await asyncpg.connect(self.database_url)
        try:
            for day in sorted({_day(row["created_at"]) for row in rows}):
                await self.add_slice(connection, day, day + timedelta(days=1))
            records = [tuple(_plain(row)[name] for name in LOG_COLUMNS) for row in rows]
            async with connection.transaction():
                await connection.copy_records_to_table(
                    "app_logs", records=records, columns=LOG_COLUMNS
                )
                counts: SliceCounts = {}
                count_rows(await read_map(connection, "app_logs"), {0: records}, counts)
                await add_slice_counts(connection, counts)
        finally:
            await connection.close()
        return rows

    async def add_slice(
        self, connection: asyncpg.Connection, lower: datetime, upper: datetime
    ) -> None:
        """Attach one slice of `app_logs`, as the writer would."""
        if (lower, upper) in self._slices:
            return
        self._slices.add((lower, upper))
        name = slice_name(lower)
        await connection.execute(
            f'CREATE TABLE "{name}" PARTITION OF app_logs '
            f"FOR VALUES FROM ('{lower.isoformat()}') TO ('{upper.isoformat()}')"
        )
        await connection.execute(
            "INSERT INTO slices (name, table_name, lower_bound, upper_bound) "
            "VALUES ($1, 'app_logs', $2, $3)",
            name,
            lower,
            upper,
        )

    async def adopt_slices(self) -> None:
        """Learn which slices an earlier house on the same database has made."""
        rows = await self.fetch("SELECT lower_bound, upper_bound FROM slices")
        self._slices.update((row["lower_bound"], row["upper_bound"]) for row in rows)

    async def fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Ask the database directly."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def count(self, table: Any) -> int:
        """Return how many rows a table has."""
        async with self.engine.connect() as connection:
            return int(
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            )


def slice_name(moment: datetime) -> str:
    """Return the name of the slice (of a day) that holds a moment."""
    return f"app_logs_{moment:%Y%m%d}"


def complete_log(log: dict[str, Any]) -> dict[str, Any]:
    """Fill in what a stored log has at the least."""
    created_at = log.get("created_at") or datetime.now(UTC)
    defaults: dict[str, Any] = dict.fromkeys(LOG_COLUMNS)
    defaults |= {
        "created_at": created_at,
        "id": new_uuid7(created_at),
        "received_at": created_at,
        "application": "shop",
        "source": "backend",
        "level": "INFO",
        "message": "hello",
        "count": 1,
    }
    return defaults | log


def settings_for(database_url: str, **changes: Any) -> QuerySettings:
    """Return the settings of a service under test."""
    return QuerySettings(database_url=SecretStr(database_url), **changes)


@contextlib.asynccontextmanager
async def open_house(
    database_url: str, tail: Tail | None = None, **changes: Any
) -> AsyncIterator[House]:
    """Serve the API until the block ends."""
    settings = settings_for(database_url, **changes)
    clock = SystemClock()
    engine = create_engine(database_url, "query-test", pool_size=5)
    replays = ReplayPublisher(settings.ingest_internal_url, SECRET)
    clients = Clients(engine, Metrics(), clock, LoopWatch(clock), replays, tail)
    completeness = KnownCompleteness()
    api = build_api(settings, clients, completeness)
    server = HttpServer(wrap(settings, clients, api), Listen("127.0.0.1", 0), timedelta(seconds=2))
    await server.start()
    try:
        yield House(f"http://127.0.0.1:{server.port}", database_url, engine, completeness, api)
    finally:
        await server.drain()
        await replays.close()
        await engine.dispose()


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    extra = row["extra_data"]
    return row | {"extra_data": None if extra is None else json.dumps(extra)}
