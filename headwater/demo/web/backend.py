"""What the demo's order button calls: a handler that logs, and runs a statement that is slow."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import JSONResponse

from libs.common.clock import Clock

ORDER_PATH = "/api/orders"
MODULE = "demo.orders"
_SLOW_STATEMENT = "SELECT count(*) AS parcels, pg_sleep(0.6) FROM generate_series(1, 1000)"


@dataclass(frozen=True)
class OrderBackend:
    """Takes orders, and sends what it has to say of them to the gateway."""

    engine: AsyncEngine
    client: httpx.AsyncClient
    """Knows the key."""
    ingest_url: str
    clock: Clock

    async def place(self, request: Request) -> JSONResponse:
        """Take an order: a log and a slow statement, both with the trace id of the click."""
        trace_id = request.headers.get("x-trace-id", "")
        began = self.clock.monotonic()
        async with self.engine.connect() as connection:
            parcels = (await connection.execute(text(_SLOW_STATEMENT))).scalar_one()
        took_ms = round((self.clock.monotonic() - began) * 1000, 1)
        await self._send(
            {"kind": "query", "statement": _SLOW_STATEMENT, "duration_ms": took_ms},
            {
                "kind": "log",
                "level": "INFO",
                "message": f"order taken, {parcels} parcels in stock",
                "request_method": "POST",
                "request_path": ORDER_PATH,
                "status_code": 201,
                "duration_ms": took_ms,
            },
            trace_id=trace_id,
        )
        return JSONResponse(
            {"trace_id": trace_id, "took_ms": took_ms}, 201, {"x-trace-id": trace_id}
        )

    async def _send(self, *events: dict[str, Any], trace_id: str) -> None:
        now = self.clock.now().isoformat()
        shared = {"source": "backend", "module": MODULE, "trace_id": trace_id, "created_at": now}
        batch = {
            "batch_id": str(uuid4()),
            "environment": "demo",
            "events": [{**shared, **event} for event in events],
        }
        answer = await self.client.post(self.ingest_url, json=batch)
        answer.raise_for_status()
