"""structlog, SQLAlchemy, httpx and the hooks for what nobody caught."""

import asyncio
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from headwater_sdk import (
    AsyncTraceTransport,
    HeadwaterProcessor,
    TraceTransport,
    set_trace,
    watch_loop,
)
from headwater_sdk.integrations.hooks import watch_uncaught
from headwater_sdk.integrations.httpx import with_trace
from headwater_sdk.integrations.sqlalchemy import watch_engine
from headwater_sdk.work import Work, current_work
from tests.unit.python_sdk.making import SteppingClock, Watched, fail, raised

W3C = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_structlog(watched: Watched) -> None:
    rendered: list[dict[str, Any]] = []

    def render(_: Any, __: str, event: Any) -> str:
        rendered.append(dict(event))
        raise structlog.DropEvent

    log = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[structlog.processors.add_log_level, HeadwaterProcessor(watched.client), render],
    )
    log.warning("slow", took=3, duration_ms=12.5, password="hunter2")
    try:
        raise ValueError("x")
    except ValueError:
        log.exception("failed")

    slow, failed = watched.sent()
    assert (slow["level"], slow["message"], slow["duration_ms"]) == ("WARNING", "slow", 12.5)
    assert (slow["extra_data"]["took"], slow["extra_data"]["password"]) == (3, "[REDACTED]")
    assert (failed["kind"], failed["level"]) == ("exception", "ERROR")
    assert failed["exception"]["type"] == "ValueError"
    assert rendered[0] == {
        "event": "slow",
        "level": "warning",
        "took": 3,
        "duration_ms": 12.5,
        "password": "hunter2",
    }


def test_statements_are_samples_without_their_values(watched: Watched) -> None:
    watched.client.clock = SteppingClock()
    engine = create_engine("sqlite://")
    watch_engine(watched.client, engine)
    token = current_work.set(Work("t1"))
    try:
        with engine.connect() as connection:
            statement = text("SELECT :name, 'ann@example.com', 4711")
            connection.execute(statement, {"name": "bob@example.com"})
    finally:
        current_work.reset(token)
    with pytest.raises(OperationalError), engine.connect() as connection:
        connection.execute(text("SELECT * FROM nowhere WHERE id = 4711"))
    engine.dispose()

    done, failed = watched.sent()
    assert (done["kind"], done["trace_id"]) == ("query", "t1")
    assert done["statement"] == "SELECT ?, ?, ?"
    assert done["duration_ms"] == 250
    assert failed["statement"] == "SELECT * FROM nowhere WHERE id = ?"
    assert failed["extra_data"]["failed"] == "sqlite3.OperationalError"
    assert "example.com" not in str(watched.sent())


def test_quick_statements_are_none_above_a_threshold() -> None:
    watched = Watched(queries_from=timedelta(hours=1))
    engine = create_engine("sqlite://")
    watch_engine(watched.client, engine)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
    assert watched.sent() == []
    watched.client.close(0)


@pytest.mark.parametrize(
    ("url", "gets_it"),
    [
        ("http://shop.test/x", True),  # where the request at hand came to
        ("http://shop.test:81/x", False),
        ("http://api.example.com/x", True),
        ("http://a.internal.example.com/x", True),
        ("http://internal.example.com.evil.test/x", False),
        ("http://evilapi.example.com/x", False),
        ("http://other.test/x", False),
    ],
)
def test_the_trace_goes_to_its_own_host_and_to_those_on_the_list(url: str, gets_it: bool) -> None:
    token = current_work.set(Work(W3C, "GET", "/", "shop.test"))
    try:
        request = httpx.Request("GET", url)
        sent = with_trace(request, ("api.example.com", ".internal.example.com"))
    finally:
        current_work.reset(token)
    assert ("x-trace-id" in sent.headers) is gets_it
    assert sent.headers.get("traceparent", "").startswith(f"00-{W3C}-") is gets_it
    assert "x-trace-id" not in request.headers


def test_a_redirect_does_not_carry_the_trace_away() -> None:
    watched = Watched(propagate_to=["shop.test"])
    seen: list[tuple[str, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers.get("x-trace-id")))
        if request.url.host == "shop.test":
            return httpx.Response(307, headers={"location": "http://evil.test/"})
        return httpx.Response(200)

    token = current_work.set(Work("t1"))
    try:
        transport = TraceTransport(watched.client, httpx.MockTransport(answer))
        with httpx.Client(transport=transport, follow_redirects=True) as client:
            client.post("http://shop.test/", content=b"body")
    finally:
        current_work.reset(token)
        watched.client.close(0)
    assert seen == [("shop.test", "t1"), ("evil.test", None)]


async def test_the_async_transport_keeps_an_id_of_the_callers_own() -> None:
    watched = Watched(propagate_to=["shop.test"])
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["x-trace-id"])
        return httpx.Response(200)

    set_trace("t2")
    transport = AsyncTraceTransport(watched.client, httpx.MockTransport(answer))
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get("http://shop.test/")
        await client.get("http://shop.test/", headers={"X-Trace-Id": "mine"})
    watched.client.close(0)
    assert seen == ["t2", "mine"]


def test_hooks_capture_hand_on_and_are_taken_back(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: told.append(kind.__name__))
    monkeypatch.setattr(threading, "excepthook", lambda given: told.append("thread"))
    before = sys.excepthook, threading.excepthook
    watch_uncaught(watched.client)

    error = raised(fail)
    sys.excepthook(type(error), error, error.__traceback__)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()

    main, worker = watched.sent()
    assert told == ["KeyError", "KeyboardInterrupt", "thread"]
    assert (main["level"], main["exception"]["value"]) == ("CRITICAL", "'x'")
    assert worker["extra_data"]["thread"] == "worker"
    watched.client.close(0)
    assert (sys.excepthook, threading.excepthook) == before


async def test_a_loop_that_is_watched(watched: Watched) -> None:
    loop = asyncio.get_running_loop()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    watch_loop(watched.client, loop)
    loop.call_soon(fail)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    [event] = watched.sent()
    assert event["exception"]["type"] == "KeyError"
    assert len(told) == 1


def test_importing_it_does_nothing() -> None:
    program = (
        "import sys, threading, logging\n"
        "before = sys.excepthook, threading.excepthook, list(logging.getLogger().handlers)\n"
        "import headwater_sdk\n"
        "after = sys.excepthook, threading.excepthook, list(logging.getLogger().handlers)\n"
        "assert before == after and threading.active_count() == 1\n"
        "unwanted = {'libs', 're2', 'msgspec', 'structlog', 'sqlalchemy', 'starlette'}\n"
        "assert not unwanted & set(sys.modules), unwanted & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
