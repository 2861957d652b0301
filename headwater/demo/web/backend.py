"""What the demo's order button calls: an application that uses the Python SDK like any other."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from headwater_sdk import Client, HeadwaterMiddleware, current_trace_id
from headwater_sdk.integrations.sqlalchemy import watch_engine

MOUNT = "/api"
MODULE = "demo.orders"
_SLOW_STATEMENT = "SELECT count(*) AS parcels, pg_sleep(0.6) FROM generate_series(1, 1000)"


def order_backend(engine: AsyncEngine, log: Client) -> Starlette:
    """Return the application below `/api`: it takes orders, and its statement is slow.

    The click's trace id comes in a header; the middleware, the log and the statement carry it on.
    """
    watch_engine(log, engine)

    async def place(_: Request) -> JSONResponse:
        async with engine.connect() as connection:
            parcels = (await connection.execute(text(_SLOW_STATEMENT))).scalar_one()
        log.log("INFO", f"order taken, {parcels} parcels in stock", module=MODULE)
        return JSONResponse({"trace_id": current_trace_id()}, 201)

    return Starlette(
        routes=[Route("/orders", place, methods=["POST"])],
        middleware=[Middleware(HeadwaterMiddleware, client=log)],
    )
