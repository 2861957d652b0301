"""Middleware for ASGI applications: Starlette, FastAPI, Litestar, Django, any other."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from headwater_sdk.client import Client
from headwater_sdk.options import Event
from headwater_sdk.record.contents import route_of
from headwater_sdk.work import Work, current_work, new_trace_id, read_headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SERVER_ERROR = 500


class HeadwaterMiddleware:
    """Gives each request a trace id and measures it; what the application raises goes on."""

    def __init__(self, app: App, client: Client) -> None:
        self._app = app
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        client = self._client
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given, host = read_headers(scope["headers"])
        trace_id = given or new_trace_id()
        work = Work(trace_id, scope["method"], scope["path"], host)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                kept = [one for one in message.get("headers", ()) if one[0] != b"x-trace-id"]
                message["headers"] = [*kept, (b"x-trace-id", trace_id.encode("ascii"))]
            await send(message)

        token = current_work.set(work)
        began = client.clock.monotonic()
        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            status = status or _SERVER_ERROR
            client.capture_exception(error, status_code=status)
            raise
        finally:
            took_s = client.clock.monotonic() - began
            client.safely(lambda: self._sample(scope, work, status, took_s))
            current_work.reset(token)

    def _sample(self, scope: Scope, work: Work, status: int, took_s: float) -> None:
        event: Event = {
            "kind": "request",
            "request_method": work.method,
            "request_path": _template(scope),
            "extra_data": {},
        }
        if status:
            event["status_code"] = status
        if work.user_id is not None:
            event["user_id"] = work.user_id
        self._client.capture_sample(event, work, took_s)


def _template(scope: Scope) -> str:
    """Return the route's own path, `/orders/{id}`; else the path with ids replaced."""
    path: str = scope["path"]
    route = scope.get("route")
    own = getattr(route, "path_format", None)
    if not isinstance(own, str) or not hasattr(route, "methods"):
        return route_of(path)
    # Below a mount the route knows its own part of the path only.
    root: str = scope.get("root_path", "")
    return (route_of(root) if path.startswith(root) else "") + own
