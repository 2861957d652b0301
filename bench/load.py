"""The load: keep-alive connections that post prepared bodies, in a process of its own.

`python -m bench.load PORT KEY CONNECTIONS RATE < bodies`: bodies come as 4-byte length and bytes;
RATE is requests a second over all connections, 0 = as fast as answers come. Loopback only.
"""

import asyncio
import sys
import time
from collections import deque
from typing import Any, cast

import msgspec
import uvloop

_RETRY_S = 0.05


class _Connection(asyncio.Protocol):
    """One request at a time; small enough to cost little beside the server."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._buffer = b""
        self._body = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        wait = self._run.wait_s()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._next)
            return
        body = self._run.take()
        if body is None:
            self._transport.close()
            self._run.ended()
            return
        self._post(body)

    def _post(self, body: bytes) -> None:
        assert self._transport is not None
        self._body = body
        self._sent_at = time.perf_counter()
        self._transport.writelines((self._run.head % len(body), body))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._buffer = b""
        status = int(head[9:12])
        self._run.answered(status, time.perf_counter() - self._sent_at, len(self._body))
        if status in (429, 503):
            asyncio.get_running_loop().call_later(_RETRY_S, self._post, self._body)
        elif status == 202:
            self._next()
        else:
            raise RuntimeError(f"answer {status}: {rest[:300]!r}")


class _Run:
    def __init__(self, bodies: deque[bytes], key: str, connections: int, rate: float) -> None:
        self.head = (
            "POST /api/v1/ingest/batches HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            f"authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
            "content-length: %d\r\n\r\n"
        ).encode()
        self._bodies = bodies
        self._open = connections
        self._interval = 1 / rate if rate else 0.0
        self._due = time.perf_counter()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.retried = 0

    def wait_s(self) -> float:
        return self._due - time.perf_counter() if self._interval else 0.0

    def take(self) -> bytes | None:
        if not self._bodies:
            return None
        self._due = max(self._due + self._interval, time.perf_counter() - 1)
        return self._bodies.popleft()

    def answered(self, status: int, seconds: float, _size: int) -> None:
        if status == 202:
            self.latencies.append(seconds)
        else:
            self.retried += 1

    def ended(self) -> None:
        self._open -= 1
        if self._open == 0:
            self.done.set_result(None)


def _read_bodies(data: bytes) -> deque[bytes]:
    bodies: deque[bytes] = deque()
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        bodies.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return bodies


async def _main(port: int, key: str, connections: int, rate: float) -> None:
    run = _Run(_read_bodies(sys.stdin.buffer.read()), key, connections, rate)
    loop = asyncio.get_running_loop()

    def fail(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not run.done.done():
            run.done.set_exception(context.get("exception") or RuntimeError(context["message"]))

    loop.set_exception_handler(fail)
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port)
    await run.done
    ordered = sorted(run.latencies)
    result = {
        "seconds": time.perf_counter() - began,
        "ended_at": time.time(),
        "cpu_s": time.process_time() - cpu,
        "requests": len(ordered),
        "retried": run.retried,
        "p50_ms": ordered[len(ordered) // 2] * 1_000,
        "p95_ms": ordered[int(len(ordered) * 0.95)] * 1_000,
    }
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
