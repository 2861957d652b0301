"""Flush and close keep to their time, wait for nobody who waits for them, and try at least once."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headwater_sdk import Client, Problem
from headwater_sdk.options import read_options
from headwater_sdk.transport.post import Answer
from tests.property.python_sdk.world import MovedClock
from tests.unit.python_sdk.making import Gateway, Watched

LONG_S = 20.0


def ends(act: Callable[[], object]) -> bool:
    """Say whether an act ends at all."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(LONG_S)
    return not thread.is_alive()


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


class SlowHook:
    """Takes a second of a clock for each event."""

    def __init__(self, clock: MovedClock) -> None:
        self.clock = clock

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        self.clock.seconds += 1
        return event


class TimedGateway(Gateway):
    """Remembers how long each answer was allowed to take."""

    def __init__(self, answer: Answer | None = None) -> None:
        super().__init__(answer)
        self.within_s: list[float | None] = []

    def __call__(self, body: bytes, within_s: float | None = None) -> Answer:
        self.within_s.append(within_s)
        return super().__call__(body, within_s)


def test_the_time_of_a_close_bounds_all_and_one_attempt_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    clock, gateway = MovedClock(), TimedGateway()
    settings = read_options("http://x", "k", {"before_send": SlowHook(clock)})
    client = Client(settings, clock, gateway)
    for number in range(100):
        client.log("INFO", str(number))
    client.close(8)

    now = client.stats()
    assert clock.seconds <= 12
    assert 0 < now["sent"] < 12
    assert now["drops"] == {"closed": 100 - now["sent"]}
    assert all(one is not None and one <= 8 for one in gateway.within_s)


def test_an_attempt_is_made_also_without_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    watched = Watched()
    watched.client.log("INFO", "last words")
    watched.client.close(0)
    assert [event["message"] for event in watched.gateway.events] == ["last words"]


def test_a_flush_waits_for_as_long_as_the_gateway_asks() -> None:
    class Once(Gateway):
        def __call__(self, body: bytes, within_s: float | None = None) -> Answer:
            super().__call__(body, within_s)
            return Answer(503, 0.3) if len(self.bodies) == 1 else Answer(202)

    client = Client(read_options("http://x", "k", {}), post=Once())
    client.log("INFO", "x")
    assert client.flush(LONG_S)
    assert client.stats()["sent"] == 1
    client.close(0)


def test_a_flush_that_has_less_time_than_the_gateway_asks_gives_up() -> None:
    watched = Watched(Answer(503, 3_600.0))
    watched.client.log("INFO", "x")
    assert ends(lambda: watched.client.flush(3_000))
    assert watched.client.stats()["queued"] == 1
    watched.client.close(0)


@pytest.mark.parametrize("act", ["flush", "close"])
@pytest.mark.parametrize("has_threads", [True, False])
def test_on_error_may_flush_and_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, has_threads: bool
) -> None:
    (tmp_path / "file").write_text("in the way")
    told: list[Problem] = []
    failures: list[BaseException] = []

    def on_error(problem: Problem) -> None:
        told.append(problem)
        try:
            getattr(watched.client, act)(1)
        except BaseException as error:
            failures.append(error)

    if not has_threads:
        monkeypatch.setattr(threading.Thread, "start", no_thread)
    watched = Watched(Answer(401), spool=tmp_path / "file" / "spool", on_error=on_error)
    watched.client.log("ERROR", "x")
    for _ in range(int(LONG_S * 100)):
        if len(told) == 2 or not has_threads:
            break
        threading.Event().wait(0.01)
    monkeypatch.undo()
    assert ends(lambda: watched.client.close(1))
    assert failures == []
    assert {problem.reason for problem in told} >= {"spool_unwritable"}
    assert watched.holds_identity()


@pytest.mark.parametrize("act", ["flush", "close"])
def test_a_signals_handler_may_flush_and_close(act: str) -> None:
    """The signal comes while the same thread is at work on an event, with all locks held."""
    entered: list[str] = []

    def hook(event: dict[str, Any]) -> dict[str, Any]:
        if threading.current_thread() is threading.main_thread():
            os.kill(os.getpid(), signal.SIGUSR1)
        return event

    def handler(*_: object) -> None:
        entered.append("handler")
        getattr(watched.client, act)(LONG_S)

    watched = Watched(before_send=hook)
    watched.client._pipeline.start = lambda: None  # type: ignore[method-assign]
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        watched.client.log("INFO", "x")
        watched.client.flush(LONG_S)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert entered == ["handler"]
    assert [event["message"] for event in watched.gateway.events] == ["x"]
    watched.client.close(0)
    assert watched.holds_identity()


def test_threads_that_did_not_start_are_started_later(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, gateway = MovedClock(), Gateway()
    client = Client(read_options("http://x", "k", {"flush_after": timedelta(0)}), clock, gateway)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        client.log("ERROR", "first")
    attempts: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda thread: attempts.append(thread.name))
        client.log("ERROR", "within the same second")
    assert attempts == []
    clock.seconds += 2
    client.log("ERROR", "later")
    assert came(gateway, 3)
    client.close(0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ended_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, gateway = MovedClock(), Gateway()
    client = Client(read_options("http://x", "k", {}), clock, gateway)
    turn, ended = client._pipeline.collector.turn, threading.Event()

    def end() -> float | None:
        ended.set()
        raise SystemExit

    monkeypatch.setattr(client._pipeline.collector, "turn", end)
    client.log("ERROR", "first")
    dead = client._pipeline._collecting
    assert dead is not None
    assert ended.wait(LONG_S)
    monkeypatch.setattr(client._pipeline.collector, "turn", turn)
    for _ in range(1_000):
        clock.seconds += 2
        client.log("ERROR", "later")
        if gateway.bodies:
            break
        threading.Event().wait(0.01)
    assert came(gateway, 2)
    assert dead.stop(LONG_S)
    client.close(0)


def came(gateway: Gateway, count: int) -> bool:
    """Wait until so many events came by themselves."""
    for _ in range(int(LONG_S * 100)):
        if len(gateway.events) >= count:
            return True
        threading.Event().wait(0.01)
    return False


def test_a_hook_that_flushes_waits_no_longer_than_it_says() -> None:
    made: list[Watched] = []

    def hook(event: dict[str, Any]) -> dict[str, Any]:
        made[0].client.flush(0.05)
        return event

    made.append(Watched(before_send=hook))
    made[0].client.log("ERROR", "x")
    assert ends(lambda: made[0].client.close(2))
    assert made[0].holds_identity()
