"""Middleware for ASGI and WSGI: trace ids, durations, routes, what the application raises."""

import asyncio
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from headwater_sdk import HeadwaterMiddleware, HeadwaterWsgiMiddleware, current_trace_id
from tests.unit.python_sdk.making import SteppingClock, Watched

W3C = "4bf92f3577b34da6a3ce929d0e0e4736"


async def say_trace(request: Request) -> PlainTextResponse:
    return PlainTextResponse(current_trace_id() or "")


async def fail(request: Request) -> PlainTextResponse:
    raise LookupError("no such order")


async def stream(request: Request) -> StreamingResponse:
    async def pieces() -> Any:
        yield (current_trace_id() or "").encode()
        raise ValueError("in the middle")

    return StreamingResponse(pieces())


def starlette_app() -> Starlette:
    inner = [Route("/items/{item}", say_trace)]
    return Starlette(
        routes=[
            Route("/orders/{order_id:int}", say_trace, methods=["GET", "POST"]),
            Route("/fail", fail),
            Route("/stream", stream),
            Mount("/shops/{shop_id}", routes=inner),
        ]
    )


def fastapi_app() -> FastAPI:
    app, router = FastAPI(), APIRouter(prefix="/v1")

    @router.get("/users/{user_id}")
    async def user(user_id: str) -> dict[str, str]:
        return {"id": user_id}

    app.include_router(router)
    return app


async def get(
    watched: Watched, app: ASGIApp, path: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    transport = httpx.ASGITransport(
        HeadwaterMiddleware(app, watched.client), raise_app_exceptions=False
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Trace-Id": "abc-1"}, "abc-1"),
        ({"traceparent": f"00-{W3C}-00f067aa0ba902b7-01"}, W3C),
        ({"X-Trace-Id": "abc", "traceparent": f"00-{W3C}-00f067aa0ba902b7-01"}, "abc"),
        ({"X-Trace-Id": "not harmless\x01"}, None),
        ({"X-Trace-Id": "x" * 200}, None),
        ({}, None),
    ],
)
async def test_the_trace_id_is_read_or_made_and_answered(
    watched: Watched, headers: dict[str, str], expected: str | None
) -> None:
    answer = await get(watched, starlette_app(), "/orders/7", headers)

    trace_id = answer.headers["x-trace-id"]
    assert trace_id == (expected or trace_id)
    assert len(trace_id) == (len(expected) if expected else 32)
    assert answer.text == trace_id
    assert current_trace_id() is None
    [event] = watched.sent()
    assert event["trace_id"] == trace_id


@pytest.mark.parametrize(
    ("app", "path", "template"),
    [
        (starlette_app(), "/orders/7", "/orders/{order_id}"),
        (starlette_app(), "/shops/55/items/tea", "/shops/{id}/items/{item}"),
        (starlette_app(), "/nowhere/7/0123456789abcdef01", "/nowhere/{id}/{id}"),
        (fastapi_app(), "/v1/users/ann", "/v1/users/{user_id}"),
    ],
)
async def test_a_request_is_a_sample_of_its_route(
    watched: Watched, app: ASGIApp, path: str, template: str
) -> None:
    watched.client.clock = SteppingClock()
    answer = await get(watched, app, path)

    [event] = watched.sent()
    assert (event["kind"], event["request_method"]) == ("request", "GET")
    assert event["request_path"] == template
    assert event["status_code"] == answer.status_code
    assert event["duration_ms"] == 250


@pytest.mark.parametrize(("path", "kind"), [("/fail", "LookupError"), ("/stream", "ValueError")])
async def test_what_the_application_raises_goes_on_and_is_captured(
    watched: Watched, path: str, kind: str
) -> None:
    app = HeadwaterMiddleware(starlette_app(), watched.client)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        with pytest.raises((LookupError, ValueError, ExceptionGroup)):
            await client.get(path)

    exception, sample = watched.sent()
    assert exception["kind"] == "exception"
    types = [exception["exception"]["type"]]
    types += [cause["type"] for cause in exception["exception"].get("cause", ())]
    assert kind in types
    assert exception["trace_id"] == sample["trace_id"]
    assert exception["request_path"] == path
    assert exception["exception"]["stacktrace"]


async def test_requests_side_by_side_keep_their_traces(watched: Watched) -> None:
    answers = await asyncio.gather(
        *(
            get(watched, starlette_app(), f"/orders/{number}", {"X-Trace-Id": f"t{number}"})
            for number in range(30)
        )
    )
    assert [answer.text for answer in answers] == [f"t{number}" for number in range(30)]


async def test_other_connections_pass_untouched(watched: Watched) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return {}

    await HeadwaterMiddleware(app, watched.client)({"type": "lifespan"}, nothing, nothing)
    assert seen == ["lifespan"]
    assert watched.sent() == []


Start = Callable[..., Any]


def wsgi_app(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/fail":
        raise LookupError("no such order")
    start_response("201 Created", [("Content-Type", "text/plain")])

    def pieces() -> Iterator[bytes]:
        yield (current_trace_id() or "").encode()

    return pieces()


def call(watched: Watched, path: str, **environ: str) -> tuple[list[Any], bytes]:
    started: list[Any] = []
    setup_testing_defaults(environ)
    given: dict[str, Any] = {**environ, "PATH_INFO": path, "wsgi.input": io.BytesIO()}
    app = HeadwaterWsgiMiddleware(wsgi_app, watched.client)

    def start_response(*head: Any) -> Callable[[bytes], object]:
        started.append(head)
        return lambda data: None

    body = b"".join(app(given, start_response))
    return started, body


def test_a_wsgi_request(watched: Watched) -> None:
    [(status, headers)], body = call(watched, "/orders/7", HTTP_X_TRACE_ID="abc")

    assert status == "201 Created"
    assert ("X-Trace-Id", "abc") in headers
    assert body == b"abc"
    assert current_trace_id() is None
    [event] = watched.sent()
    assert (event["request_path"], event["status_code"]) == ("/orders/{id}", 201)
    assert event["trace_id"] == "abc"


def test_what_a_wsgi_application_raises_goes_on_and_is_captured(watched: Watched) -> None:
    with pytest.raises(LookupError):
        call(watched, "/fail")

    exception, sample = watched.sent()
    assert exception["exception"]["type"] == "LookupError"
    assert sample["status_code"] == 500


class Pieces:
    """An answer that counts how often it is closed."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.closed_count = 0
        self.failure = failure

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"a", b"b")

    def close(self) -> None:
        self.closed_count += 1
        if self.failure is not None:
            raise self.failure


class Iterated(Pieces):
    """Is its own iterator, as most are."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return b"a"


def test_an_answer_that_nobody_reads_to_its_end_is_closed_once(watched: Watched) -> None:
    pieces = Iterated()
    app = HeadwaterWsgiMiddleware(lambda *_: pieces, watched.client)
    answer: Any = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: print)
    next(answer)
    answer.close()
    assert pieces.closed_count == 1
    assert len(watched.sent()) == 1


def test_an_answer_that_fails_to_close_leaves_no_trace_behind(watched: Watched) -> None:
    pieces = Pieces(RuntimeError("close"))
    app = HeadwaterWsgiMiddleware(lambda *_: pieces, watched.client)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_X_TRACE_ID": "t1"}
    with pytest.raises(RuntimeError):
        list(app(environ, lambda *_: print))
    assert pieces.closed_count == 1
    assert current_trace_id() is None
    assert [event["kind"] for event in watched.sent()] == ["exception", "request"]
