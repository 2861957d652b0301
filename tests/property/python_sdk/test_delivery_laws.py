"""Nothing captured is lost or doubled, over any schedule of answers, crashes and restarts."""

import tempfile
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.property.python_sdk.world import MovedClock, Process, ScriptedGateway, spooled

FATES = ("202", "202", "503", "500", "429", "timeout", "lost answer", "422", "401")
GENTLE = tuple(fate for fate in FATES if fate not in {"422"})
LONGEST_REST_S = 3_600.0

logs = st.tuples(st.just("log"), st.integers(1, 30))
errors = st.tuples(st.just("error"), st.integers(1, 3))
moves = st.tuples(st.just("move"), st.sampled_from((0, 1, 3, 40, 400)))
turns = st.tuples(st.sampled_from(("collect", "send", "work", "work")), st.integers(1, 4))
ends = st.tuples(st.sampled_from(("crash", "close")), st.just(0))
steps = st.lists(st.one_of(logs, errors, moves, turns, turns, turns, ends), max_size=40)
schedules = st.lists(st.sampled_from(FATES), max_size=30)


class Life:
    """An application that is started again after each end, on one spool and one gateway."""

    def __init__(self, spool: Path | None, script: list[str], most_events: int) -> None:
        self.spool = spool
        self.clock = MovedClock()
        self.gateway = ScriptedGateway(most_events, list(script))
        self.numbers = count()
        self.captured: Counter[str] = Counter()
        self.gone: Counter[str] = Counter()
        """What was in memory only when the process crashed."""
        self.process = self._start()

    def _start(self) -> Process:
        return Process(self.clock, self.gateway, self.spool, batch_size=8)

    def do(self, step: tuple[str, int]) -> None:
        """Do one step; after each of them every event is somewhere."""
        what, number = step
        match what:
            case "log" | "error":
                for _ in range(number):
                    name = f"event {next(self.numbers)}"
                    self.captured[name] += 1
                    self.process.log(name, "ERROR" if what == "error" else "INFO")
            case "move":
                self.clock.seconds += number
            case "collect":
                self.process.collect()
            case "send":
                self.process.send()
            case "work":
                for _ in range(number):
                    self.clock.seconds += 400
                    self.process.collect()
                    self.process.send()
            case "crash":
                self._crash()
            case "close":
                self._close()
        assert self.process.holds_identity()

    def _crash(self) -> None:
        waiting = self.process.stats.now()
        kept = Counter(spooled(self.spool)) if self.spool else Counter()
        own = Counter(self.process.names)
        reached = self.gateway.stored + self.gateway.refused + kept
        lost = own - reached
        assert lost.total() <= waiting["queued"] + waiting["dropped"]
        self.gone += lost
        self.process.crash()
        self.process = self._start()

    def _close(self) -> None:
        script, self.gateway.script = self.gateway.script, ["503"] * 2 + self.gateway.script
        self.process.pipeline.flush(0)
        self.process.pipeline.close()
        assert self.process.holds_identity()
        assert self.process.stats.now()["queued"] == 0
        self.gateway.script = script
        closed = self.process.stats.now()["drops"].get("closed", 0)
        reached = self.gateway.stored + self.gateway.refused
        reached += Counter(spooled(self.spool)) if self.spool else Counter()
        lost = Counter(self.process.names) - reached
        assert lost.total() == closed
        self.gone += lost
        self.process = self._start()

    def settle(self) -> None:
        """Let the gateway be well and wait until everything is answered."""
        self.gateway.script.clear()
        self.process.pipeline.collector.finish()
        for _ in range(2_000):
            wait_s = self.process.send()
            now = self.process.stats.now()
            assert self.process.holds_identity()
            if (
                not now["queued"]
                and not now["stored"]
                and not (self.spool and [*spooled(self.spool)])
            ):
                return
            self.clock.seconds += min(wait_s or 0.0, LONGEST_REST_S)
        raise AssertionError("it never ends")


def loses_only_memory(steps: list[tuple[str, int]], script: list[str], most_events: int) -> None:
    """Live through a schedule on a spool; fail where an event is lost that was no memory."""
    with tempfile.TemporaryDirectory() as folder:
        life = Life(Path(folder), script, most_events)
        for step in steps:
            life.do(step)
        life.settle()

        assert set(life.gateway.stored.values()) <= {1}
        assert life.gateway.stored + life.gateway.refused + life.gone == life.captured
        assert [*Path(folder).rglob("*.json")] == []


@settings(max_examples=80, deadline=None)
@given(steps=steps, script=schedules, most_events=st.sampled_from((1, 3, 1_000)))
@example(
    steps=[("log", 8), ("work", 1), ("work", 4)],
    script=["202", "202", "202", "lost answer", "422"],
    most_events=1,
)
def test_with_a_spool_only_memory_is_lost_and_nothing_is_stored_twice(
    steps: list[tuple[str, int]], script: list[str], most_events: int
) -> None:
    loses_only_memory(steps, script, most_events)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.one_of(logs, errors, moves, turns, turns, turns), max_size=40),
    script=st.lists(st.sampled_from(GENTLE), max_size=30),
    most_events=st.sampled_from((1, 3, 1_000)),
)
def test_without_a_spool_all_is_stored_once_while_the_process_lives(
    steps: list[tuple[str, int]], script: list[str], most_events: int
) -> None:
    life = Life(None, script, most_events)
    for step in steps:
        life.do(step)
    life.settle()

    assert life.gateway.stored == life.captured
    assert life.process.stats.now()["sent"] == life.captured.total()


@settings(max_examples=25, deadline=None)
@given(steps=steps, script=st.lists(st.sampled_from(("503", "timeout")), max_size=10))
def test_a_batch_is_stored_as_a_whole(steps: list[tuple[str, int]], script: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        life = Life(Path(folder), script, 1_000)
        for step in steps:
            life.do(step)
        life.settle()
        for batch_id, body in life.gateway.bodies.items():
            assert batch_id in life.gateway.taken, body


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=5_000, deadline=None)
@given(steps=steps, script=schedules, most_events=st.sampled_from((1, 2, 3, 5, 1_000)))
def test_many_more_schedules(
    steps: list[tuple[str, int]], script: list[str], most_events: int
) -> None:
    loses_only_memory(steps, script, most_events)
