"""The trace id of the work at hand: read from a request, kept in a context variable, passed on."""

import random
import re
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

current_trace_id: ContextVar[str | None] = ContextVar("headwater_trace_id", default=None)

_ids = random.Random()  # noqa: S311 - see new_trace_id
_TRACE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def new_trace_id() -> str:
    """Return a fresh trace id: 32 hexadecimal digits, as W3C Trace Context has them.

    Nobody's secret: a generator in memory does, seeded by the system for each process.
    """
    return f"{_ids.getrandbits(128):032x}"


def trace_id_of(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Read `X-Trace-Id`, else W3C `traceparent`; None where neither holds a valid id.

    Header names are lower case, as ASGI hands them over. The value goes into our logs, so it is
    taken only in a harmless form.
    """
    from_parent: str | None = None
    for name, value in headers:
        if name == b"x-trace-id" and _TRACE_ID.fullmatch(value):
            return value.decode("ascii")
        if name == b"traceparent" and (match := _TRACEPARENT.fullmatch(value.strip())):
            from_parent = match[1].decode("ascii")
    return from_parent


class TraceMiddleware:
    """Gives every HTTP request a trace id, in context and in the answer's `X-Trace-Id`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = trace_id_of(scope["headers"]) or new_trace_id()
        token = current_trace_id.set(trace_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-trace-id", trace_id.encode("ascii")),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            current_trace_id.reset(token)
