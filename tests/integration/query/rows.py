"""Rows of all kinds, put into slices of a day."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from libs.common.events import ExceptionRow, SampleRow, columns
from libs.common.ids import new_uuid7
from tests.integration.query.house import House

COLUMNS = {"app_exceptions": columns(ExceptionRow), "performance_samples": columns(SampleRow)}
DEFAULTS: dict[str, dict[str, Any]] = {
    "app_exceptions": {"level": "ERROR", "exception_type": "TypeError", "message": "broken"},
    "performance_samples": {"kind": "request", "duration_ms": 1200.0},
}


async def add_events(
    house: House, table: str, events: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Store exceptions or samples, each completed by defaults."""
    rows = [_complete(table, event) for event in events]
    connection = await asyncpg.connect(house.database_url)
    try:
        for day in sorted({_day(row["created_at"]) for row in rows}):
            await _ensure_slice(connection, table, day)
        await connection.copy_records_to_table(
            table,
            records=[tuple(_plain(row[name]) for name in COLUMNS[table]) for row in rows],
            columns=COLUMNS[table],
        )
    finally:
        await connection.close()
    return rows


async def _ensure_slice(connection: asyncpg.Connection, table: str, day: datetime) -> None:
    name = f"{table}_{day:%Y%m%d}"
    if await connection.fetchval("SELECT 1 FROM slices WHERE name = $1", name):
        return
    upper = day + timedelta(days=1)
    await connection.execute(
        f'CREATE TABLE "{name}" PARTITION OF "{table}" '
        f"FOR VALUES FROM ('{day.isoformat()}') TO ('{upper.isoformat()}')"
    )
    await connection.execute(
        "INSERT INTO slices (name, table_name, lower_bound, upper_bound) VALUES ($1, $2, $3, $4)",
        name,
        table,
        day,
        upper,
    )


def _complete(table: str, event: dict[str, Any]) -> dict[str, Any]:
    created_at = event.get("created_at") or datetime.now(UTC)
    return {
        **dict.fromkeys(COLUMNS[table]),
        "created_at": created_at,
        "id": new_uuid7(created_at),
        "received_at": created_at,
        "application": "shop",
        "source": "backend",
        "count": 1,
        **DEFAULTS[table],
        **event,
    }


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
