"""What the Python SDK costs the application that uses it."""

import asyncio
import logging
import logging.handlers
import queue
import statistics
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from bench.figures import Figure
from headwater_sdk import Client, HeadwaterHandler, HeadwaterMiddleware
from headwater_sdk.options import read_options
from headwater_sdk.transport.post import Answer

_CALLS = 5_000
_FRAMES = 10
_US = 1e6

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Nowhere:
    """Takes every batch at once, so that only the SDK's own work is measured."""

    def __call__(self, body: bytes, within_s: float | None = None) -> Answer:
        return Answer(202)

    def reset(self) -> None:
        """There is nothing to forget."""

    def close(self) -> None:
        """There is nothing to close."""


def measure(*, rounds: int) -> list[Figure]:
    """Measure a logged record beside `QueueHandler`, and a request with and without middleware."""
    options = read_options(
        "http://nowhere.test", "hw_a_b", {"queue_count": 10**7, "queue_bytes": 10**11}
    )
    client = Client(options, post=_Nowhere())
    try:
        return [*_records(client, rounds * 3), *_requests(client, rounds * 3)]
    finally:
        client.flush(30)
        client.close()


def _records(client: Client, rounds: int) -> list[Figure]:
    handlers: dict[str, Callable[[], logging.Handler]] = {
        "queue": lambda: logging.handlers.QueueHandler(queue.Queue()),
        "sdk": lambda: HeadwaterHandler(client),
    }
    calls: dict[str, list[float]] = {name: [] for name in handlers}
    handled: dict[str, list[float]] = {name: [] for name in handlers}
    failed: dict[str, list[float]] = {name: [] for name in handlers}
    error = _deep_error(_FRAMES)
    for _ in range(rounds + 1):
        for name, make in handlers.items():
            handler = make()
            log = logging.Logger("bench")
            log.addHandler(handler)
            calls[name].append(
                _cost(partial(log.info, "order %s for %s", 7, "ann", extra={"cart": 3}))
            )
            handled[name].append(_cost(partial(_handle, handler), less=_record))
            failed[name].append(
                _cost(partial(log.error, "failed", exc_info=error), count=_CALLS // 10)
            )
            client.flush(30)  # what was captured is worked off beside nothing that is measured
    call, handle, failure = (
        {name: statistics.median(one[1:]) for name, one in kind.items()}
        for kind in (calls, handled, failed)
    )
    return [
        _figure("a logged record, to its caller", call["sdk"], "us", 15.0, ""),
        _figure(
            "the whole call, of one with QueueHandler",
            call["sdk"] / call["queue"],
            "x",
            1.5,
            f"{call['queue']:.1f} us with QueueHandler",
        ),
        _figure(
            "the handler alone, of QueueHandler",
            handle["sdk"] / handle["queue"],
            "x",
            1.5,
            f"{handle['sdk']:.1f} us, QueueHandler {handle['queue']:.1f} us",
        ),
        _figure(
            f"a record with an exception of {_FRAMES} frames, of one with QueueHandler",
            failure["sdk"] / failure["queue"],
            "x",
            None,
            f"{failure['sdk']:.1f} us, QueueHandler {failure['queue']:.1f} us",
        ),
    ]


def _requests(client: Client, rounds: int) -> list[Figure]:
    async def app(scope: Scope, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        return None

    headers = [
        (b"host", b"shop.test"),
        (b"user-agent", b"bench"),
        (b"accept", b"*/*"),
        (b"x-trace-id", b"4bf92f3577b34da6a3ce929d0e0e4736"),
    ]

    async def run(one: Any) -> float:
        began = time.thread_time()
        for _ in range(_CALLS):
            scope = {"type": "http", "method": "GET", "path": "/orders/7", "headers": headers}
            await one(scope, receive, send)
        return (time.thread_time() - began) / _CALLS * _US

    measured = HeadwaterMiddleware(app, client)
    bare: list[float] = []
    ours: list[float] = []
    for _ in range(rounds + 1):
        bare.append(asyncio.run(run(app)))
        ours.append(asyncio.run(run(measured)))
        client.flush(30)
    cost = statistics.median(ours[1:]) - statistics.median(bare[1:])
    return [_figure("ASGI middleware, a request", cost, "us", 60.0, "with a sample of each")]


def _record() -> logging.LogRecord:
    return logging.LogRecord("bench", 20, "bench.py", 7, "order %s for %s", (7, "ann"), None)


def _handle(handler: logging.Handler) -> None:
    handler.handle(_record())


def _cost(
    act: Callable[[], object], less: Callable[[], object] | None = None, count: int = _CALLS
) -> float:
    """Return the microseconds of CPU that a call costs its own thread."""
    began = time.thread_time()
    for _ in range(count):
        act()
    spent = time.thread_time() - began
    if less is not None:
        began = time.thread_time()
        for _ in range(count):
            less()
        spent -= time.thread_time() - began
    return spent / count * _US


class _NewError(LookupError):
    """Is never an event already: each time it is logged it costs what a new one costs."""

    __headwater_captured__ = property(lambda error: False, lambda error, is_captured: None)


def _deep_error(depth: int) -> Exception:
    try:
        _fail(depth)
    except LookupError as error:
        return error
    raise AssertionError("it has to fail")


def _fail(depth: int) -> None:
    if depth <= 1:
        raise _NewError("nothing there")
    _fail(depth - 1)


def _figure(name: str, value: float, unit: str, must: float | None, note: str) -> Figure:
    return Figure("python-sdk", name, value, unit, must, more_is_better=False, note=note)
