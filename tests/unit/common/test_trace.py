import re

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from libs.common.telemetry.trace import TraceMiddleware, current_trace_id, trace_id_of

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([(b"x-trace-id", b"abc-1")], "abc-1"),
        ([(b"traceparent", PARENT.encode())], PARENT[3:35]),
        ([(b"traceparent", PARENT.encode()), (b"x-trace-id", b"own")], "own"),
        ([(b"x-trace-id", b"bad\nline"), (b"traceparent", PARENT.encode())], PARENT[3:35]),
        ([(b"x-trace-id", b"a" * 129)], None),
        ([(b"x-trace-id", b"")], None),
        ([(b"traceparent", b"00-short-1-01")], None),
    ],
)
def test_trace_id_is_read_from_the_headers(
    headers: list[tuple[bytes, bytes]], expected: str | None
) -> None:
    assert trace_id_of(headers) == expected


async def seen_by_the_route(headers: dict[str, str]) -> tuple[str, str]:
    """Return the trace id in the route's context and in the answer."""

    async def show(_: Request) -> PlainTextResponse:
        return PlainTextResponse(current_trace_id.get() or "")

    app = TraceMiddleware(Starlette(routes=[Route("/", show)]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as http:
        answer = await http.get("/", headers=headers)
    return answer.text, answer.headers["x-trace-id"]


async def test_given_trace_id_is_kept_and_answered() -> None:
    assert await seen_by_the_route({"X-Trace-Id": "abc"}) == ("abc", "abc")


async def test_request_without_one_gets_one() -> None:
    inside, answered = await seen_by_the_route({})

    assert inside == answered
    assert re.fullmatch("[0-9a-f]{32}", inside)


async def test_context_is_clean_after_the_request() -> None:
    await seen_by_the_route({"X-Trace-Id": "abc"})

    assert current_trace_id.get() is None
