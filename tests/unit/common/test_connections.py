"""What a connection may send before a request is whole: bounded, and others notice nothing.

Each test speaks to a real server over a socket.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from starlette.types import Message, Receive, Scope, Send

from libs.common.http.connections import HeadLimits
from libs.common.runtime import HttpServer, Listen
from libs.common.telemetry.metrics import Metrics

KIB = 1024
LIMITS = HeadLimits(64 * KIB, timedelta(seconds=0.4), waiting_count=10)
PATIENT = HeadLimits(64 * KIB, timedelta(seconds=30), waiting_count=10)
CHUNKED = b"POST /read HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
LINE = b"x-filler: " + b"f" * 1_012 + b"\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body: read whole, not at all (`/early`), or never (`/never`)."""
    if scope["path"] == "/never":
        await asyncio.Event().wait()
    size = 0
    message: Message = {"more_body": scope["path"] == "/read"}
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
    body = b"%d bytes." % size
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Peer:
    """A client's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, parts: Iterable[bytes]) -> int:
        """Send parts until the other end closes; return how many bytes it let us send."""
        sent = 0
        with contextlib.suppress(ConnectionError):
            for part in parts:
                self.writer.write(part)
                await self.writer.drain()
                sent += len(part)
                await asyncio.sleep(0)
        return sent

    async def answer(self) -> bytes:
        """Return one answer, which ends in `bytes.`."""
        return await self.reader.readuntil(b"bytes.")

    async def rest(self) -> bytes:
        """Return what comes until the other end closes."""
        got = b""
        with contextlib.suppress(ConnectionError):
            while part := await self.reader.read(KIB):
                got += part
        return got


@dataclass
class Served:
    """A running server with its counters."""

    server: HttpServer
    metrics: Metrics

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Peer]:
        """Connect, and end the test where it hangs."""
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
            try:
                yield Peer(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    def closed_for(self) -> str:
        """Return the one fault that was counted, or an empty text."""
        counts = [
            line.split('"')[1]
            for line in self.metrics.exposition().decode().splitlines()
            if line.startswith('headwater_http_closed_connections_total{fault="')
        ]
        return ",".join(counts)


@contextlib.asynccontextmanager
async def serving(limits: HeadLimits) -> AsyncIterator[Served]:
    metrics = Metrics()
    listen = Listen("127.0.0.1", 0)
    server = HttpServer(app, listen, timedelta(seconds=1), metrics, limits)
    await server.start()
    try:
        yield Served(server, metrics)
    finally:
        await server.drain()


@pytest.fixture
async def patient() -> AsyncIterator[Served]:
    async with serving(PATIENT) as served:
        yield served


@pytest.fixture
async def quick() -> AsyncIterator[Served]:
    async with serving(LIMITS) as served:
        yield served


ENDLESS = {
    "header lines": (b"GET /read HTTP/1.1\r\nHost: here\r\n", LINE),
    "one header": (b"GET /read HTTP/1.1\r\nHost: here\r\nx-filler: ", b"f" * KIB),
    "a path": (b"GET /", b"f" * KIB),
    "empty lines": (b"\r\n", b"\r\n" * 512),
    "trailers": (CHUNKED + b"0\r\n", LINE),
    "trailers after the answer": (CHUNKED.replace(b"/read", b"/early") + b"0\r\n", LINE),
    "a chunk's extension": (CHUNKED + b"5;", b"x" * KIB),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_what_never_becomes_a_request_is_cut_off(patient: Served, kind: str) -> None:
    first, more = ENDLESS[kind]
    async with patient.connected() as peer:
        await peer.send([first])
        sent = await peer.send(itertools.repeat(more, 20_000))
        # sockets and one read hold some on top of the limit
        assert sent < 15_000 * KIB
        await peer.rest()
    assert patient.closed_for() == "head_too_large"


async def test_who_sends_too_large_a_head_is_told(patient: Served) -> None:
    async with patient.connected() as peer:
        head = b"GET /read HTTP/1.1\r\n" + LINE * 64
        for part in (head[: 40 * KIB], head[40 * KIB :]):
            await peer.send([part])
            await asyncio.sleep(0.05)  # so that it reads each before the next
        told = await peer.rest()
    assert told.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b'"reason":"head_too_large"' in told


@pytest.mark.parametrize("gap", [b"", b"\r\n"], ids=["at once", "after an empty line"])
async def test_a_large_head_in_pieces_is_served_again_and_again(
    patient: Served, gap: bytes
) -> None:
    head = b"GET /read HTTP/1.1\r\nHost: here\r\n" + LINE * 50 + b"\r\n"
    async with patient.connected() as peer:
        for _ in range(3):  # together they are larger than the limit
            await peer.send([gap + head[: 30 * KIB]])
            await asyncio.sleep(0.02)
            await peer.send([head[30 * KIB :]])
            assert (await peer.answer()).startswith(b"HTTP/1.1 200")
    assert patient.closed_for() == ""


@pytest.mark.parametrize("path", [b"/read", b"/early"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_large_body_is_no_head(patient: Served, path: bytes, framing: str) -> None:
    size = 3_000 * KIB
    piece = b"b" * 10 * KIB
    if framing == "length":
        head, body = b"Content-Length: %d" % size, piece * 300
    else:
        chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
        head, body = b"Transfer-Encoding: chunked", chunk * 300 + b"0\r\n\r\n"
    async with patient.connected() as peer:
        for _ in range(2):
            await peer.send([b"POST %s HTTP/1.1\r\nHost: here\r\n%s\r\n\r\n" % (path, head)])
            parts = [body[at : at + 9_999] for at in range(0, len(body), 9_999)]
            assert await peer.send(parts) == len(body)
            expected = size if path == b"/read" else 0
            assert (await peer.answer()).endswith(b"\r\n\r\n%d bytes." % expected)
    assert patient.closed_for() == ""


async def test_requests_sent_ahead_are_served_up_to_a_number(patient: Served) -> None:
    request = b"GET /read HTTP/1.1\r\nHost: here\r\n\r\n"
    async with patient.connected() as peer:
        await peer.send([request * 10])
        for _ in range(10):
            await peer.answer()
    assert patient.closed_for() == ""
    async with patient.connected() as peer:
        await peer.send([request * 5_000])
        assert (await peer.rest()).count(b"bytes.") < 5_000
    assert patient.closed_for() == "too_many_at_once"


@pytest.mark.parametrize(
    ("sent", "answer", "fault"),
    [
        (b"", b"", "silent"),
        (b"\r\n", b"", "silent"),
        (b"GET /read HTTP/1.1\r\nHost: h", b"HTTP/1.1 408 Request Timeout\r\n", "head_too_slow"),
    ],
    ids=["nothing", "an empty line", "half a head"],
)
async def test_who_does_not_finish_a_head_is_let_go(
    quick: Served, sent: bytes, answer: bytes, fault: str
) -> None:
    async with quick.connected() as peer:
        await peer.send([sent])
        got = await peer.rest()
    assert got.partition(b"\n")[0] + got.partition(b"\n")[1] == answer
    assert quick.closed_for() == fault


@pytest.mark.parametrize(
    "drip", [b"\r\n", b"a", b"GET /read HTTP/1.1\r\nx: "], ids=["lines", "a letter", "a head"]
)
async def test_dripping_after_an_answer_is_let_go(quick: Served, drip: bytes) -> None:
    async with quick.connected() as peer:
        request = b"POST /early HTTP/1.1\r\nHost: here\r\nContent-Length: 9000\r\n\r\n"
        await peer.send([request if drip == b"a" else b"GET /read HTTP/1.1\r\nHost: here\r\n\r\n"])
        await peer.answer()
        await peer.send([drip])
        dripping = asyncio.create_task(_drip(peer, drip[-1:]))
        await peer.rest()
        dripping.cancel()
    assert quick.closed_for() == "head_too_slow"


async def test_a_kept_alive_connection_waits_longer_than_a_head(quick: Served) -> None:
    async with quick.connected() as peer:
        for _ in range(2):
            await peer.send([b"GET /read HTTP/1.1\r\nHost: here\r\n\r\n"])
            await peer.answer()
            await asyncio.sleep(3 * LIMITS.time.total_seconds())
    assert quick.closed_for() == ""


async def test_a_slow_answer_is_no_slow_head(quick: Served) -> None:
    async with quick.connected() as peer:
        await peer.send([b"GET /never HTTP/1.1\r\nHost: here\r\n\r\n"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3 * LIMITS.time.total_seconds()):
                await peer.rest()
    assert quick.closed_for() == ""


async def test_a_running_answer_is_not_mixed_with_a_refusal(quick: Served) -> None:
    async with quick.connected() as peer:
        await peer.send([b"GET /never HTTP/1.1\r\nHost: here\r\n\r\nGET / HTTP/1.1\r\nHo"])
        assert await peer.rest() == b""
    assert quick.closed_for() == "head_too_slow"


async def _drip(peer: Peer, drip: bytes) -> None:
    while True:
        await peer.send([drip if drip != b" " else b"x"])
        await asyncio.sleep(0.05)
