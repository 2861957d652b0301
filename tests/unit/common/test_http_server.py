"""The HTTP server's drain: whoever was let in is answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from starlette.types import Receive, Scope, Send

from libs.common.runtime import HttpServer, Listen

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def app(_: Scope, __: Receive, send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]}
    )
    await send({"type": "http.response.body", "body": b"answered"})


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    made = HttpServer(app, Listen("127.0.0.1", 0), timedelta(seconds=2))
    await made.start()
    yield made
    await made.drain()


@contextlib.asynccontextmanager
async def connected(server: HttpServer) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def ask(streams: Streams) -> bytes:
    """Send a request and return the head of the answer."""
    reader, writer = streams
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readuntil(b"answered")
    return head


@pytest.mark.parametrize("is_new", [True, False], ids=["new", "kept alive"])
async def test_a_request_that_arrives_while_draining_is_answered(
    server: HttpServer, *, is_new: bool
) -> None:
    async with connected(server) as streams:
        if not is_new:
            assert b"connection: close" not in await ask(streams)
        draining = asyncio.create_task(server.drain())
        await refused(server)
        assert b"connection: close" in await ask(streams)
        assert await streams[0].read() == b""
        await draining


async def test_who_says_nothing_does_not_hold_up_the_end(server: HttpServer) -> None:
    async with connected(server) as (reader, _), asyncio.timeout(1.5):
        await server.drain()
        assert await reader.read() == b""


async def refused(server: HttpServer) -> None:
    """Return once the server takes no more connections."""
    async with asyncio.timeout(2):
        with contextlib.suppress(OSError):
            while True:
                async with connected(server):
                    await asyncio.sleep(0.01)
