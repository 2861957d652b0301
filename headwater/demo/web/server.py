"""Serves the demo's page and its backend until it is told to stop."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from headwater.administration import Administration
from headwater.demo.errors import DemoFailed
from headwater.demo.web.backend import MOUNT, order_backend
from headwater.demo.web.sdk import SDK, SDK_FILES
from headwater.home import State
from headwater.invocation import own_command
from headwater_sdk import init
from libs.common.clock import SystemClock
from libs.common.db.accounts import NewIngestKey
from libs.common.db.engine import create_engine
from libs.common.runtime import HttpServer, Listen

_PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_GRACE = timedelta(seconds=3)
_APPLICATION = "demo"
_FLUSH_AFTER = timedelta(seconds=0.5)
"""People wait before the page to see what comes of their click."""
_SLOW_FROM = timedelta(seconds=0.5)
_KEY_TRIES = 100
_KEY_PAUSE = timedelta(seconds=0.2)


async def serve_demo(
    state: State, port: int, tell: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set; the page's key works as long as the page is served.

    `tell` hears the page's address. The SDK has to be built. Raises DemoFailed where the port is
    taken.
    """
    clock = SystemClock()
    administration = Administration(state.database_url, clock)
    engine = create_engine(state.database_url, "demo", pool_size=2)
    log = init(
        state.ingest_url,
        state.ingest_key,
        logs=None,
        uncaught=False,
        environment="demo",
        flush_after=_FLUSH_AFTER,
        queries_from=_SLOW_FROM,
    )
    settings: dict[str, str] = {}
    app = _app(order_backend(engine, log), settings)
    try:
        server = HttpServer(app, Listen("127.0.0.1", port), _GRACE)
    except OSError as error:
        raise DemoFailed(f"port {port} cannot be used: {error.strerror}") from error
    origin = f"http://127.0.0.1:{server.port}"
    key = await administration.create_key(
        NewIngestKey(_APPLICATION, "browser", f"demo page {server.port}", (origin,))
    )
    settings |= {"endpoint": state.ingest_url, "apiKey": key.text, "app": _APPLICATION}
    try:
        await _wait_until_known(state.ingest_url, key.text)
        await server.start()
        tell(origin)
        await stop.wait()
        await server.drain()
    finally:
        await asyncio.to_thread(log.close)
        await administration.set_key_enabled(key.id, is_enabled=False)
        await engine.dispose()


async def _wait_until_known(ingest_url: str, key: str) -> None:
    """Wait for the gateway to read its keys again: a page that is refused waits for minutes."""
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}) as client:
        for _ in range(_KEY_TRIES):
            answer = await client.post(ingest_url, json={"events": []})
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                return
            await asyncio.sleep(_KEY_PAUSE.total_seconds())
    raise DemoFailed(
        f"the gateway does not take the page's key; `{own_command()} status` tells more"
    )


def _app(backend: Starlette, settings: dict[str, str]) -> Starlette:
    async def file(request: Request) -> Response:
        name = request.path_params.get("name") or "index.html"
        path = (SDK / "dist" if name in SDK_FILES else _PAGE) / name
        if "/" in name or path.suffix not in _TYPES or not path.is_file():
            return Response(status_code=404)
        return Response(path.read_bytes(), media_type=_TYPES[path.suffix])

    async def read_settings(_: Request) -> Response:
        return JSONResponse(settings, headers={"cache-control": "no-store"})

    return Starlette(
        routes=[
            Mount(MOUNT, backend),
            Route("/settings.json", read_settings),
            Route("/{name:path}", file),
        ]
    )
