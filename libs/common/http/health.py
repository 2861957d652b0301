"""`/healthz`, `/readyz` and `/metrics`, the same for every process."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from libs.common.runtime import LoopWatch
from libs.common.telemetry.metrics import Metrics

Readiness = Callable[[], Awaitable[dict[str, str]]]
"""Returns what is missing, by part; empty = ready."""


def health_routes(watch: LoopWatch, readiness: Readiness, metrics: Metrics) -> list[Route]:
    """Build the three routes.

    `/healthz` says that the process makes progress and never asks Kafka or Postgres: an outage of
    theirs must not restart everything. `/readyz` says whether it can do its work now.
    """

    async def healthz(_: Request) -> Response:
        stuck = watch.problems()
        return JSONResponse({"ok": not stuck, "problems": stuck}, 503 if stuck else 200)

    async def readyz(_: Request) -> Response:
        missing = await readiness()
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    async def exposition(_: Request) -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4")

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", exposition),
    ]
