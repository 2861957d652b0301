"""What the answers of a gateway mean, how losses are reported, what is folded and left out."""

import json
import time
import tomllib
from datetime import timedelta
from typing import Any

import pytest

from headwater_sdk import Problem
from headwater_sdk.options import OLDEST, read_options
from headwater_sdk.transport.batch import halve, seal
from headwater_sdk.transport.post import Answer, Remaining
from headwater_sdk.transport.problems import Problems
from tests.architecture.tree import ROOT
from tests.property.python_sdk.world import MovedClock, Process, ScriptedGateway
from tests.unit.python_sdk.making import Watched


def process(gateway: ScriptedGateway | None = None, **options: Any) -> Process:
    return Process(MovedClock(), gateway or ScriptedGateway(), None, **options)


def send(one: Process) -> float | None:
    one.pipeline.collector.finish()
    return one.send()


def test_a_batch_names_the_version_of_the_package() -> None:
    watched = Watched()
    watched.client.log("INFO", "a")
    watched.sent()
    package = tomllib.loads((ROOT / "sdk" / "python" / "pyproject.toml").read_text())
    told = {"name": "headwater-python", "version": package["project"]["version"]}
    assert [body["sdk"] for body in watched.gateway.bodies] == [told]


def test_retry_after_is_waited_for() -> None:
    gateway = ScriptedGateway(script=["429", "202"])
    one = process(gateway)
    one.log("a")
    send(one)
    one.clock.seconds += 6.9
    assert one.send() == pytest.approx(0.1)
    assert gateway.attempt_count == 1
    one.clock.seconds += 0.2
    one.send()
    assert one.stats.now()["sent"] == 1


def test_back_off_is_random_and_grows() -> None:
    gateway = ScriptedGateway(script=["503"] * 40)
    one = process(gateway)
    one.log("a")
    send(one)
    waits = []
    for _ in range(30):
        wait_s = one.send()
        if wait_s:
            waits.append(wait_s)
            one.clock.seconds += wait_s
    assert waits
    assert all(0 < wait_s <= 30 for wait_s in waits)
    assert max(waits) > 2
    assert len(set(waits)) > len(waits) / 2


def test_a_wrong_key_keeps_everything_and_is_told_once() -> None:
    told: list[Problem] = []
    gateway = ScriptedGateway(script=["401", "401"])
    one = process(gateway, on_error=told.append)
    one.log("a")
    send(one)
    one.clock.seconds += 301
    one.send()
    assert told == [Problem("unauthorized", 401)]
    assert one.stats.now()["queued"] == 1
    one.clock.seconds += 301
    one.send()
    assert one.stats.now()["sent"] == 1


def test_a_wrong_key_or_address_is_one_line_where_nobody_listens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = read_options("https://ann:secret@logs.test/x?key=hw_a_b", "hw_a_b", {})
    problems = Problems(settings)
    for problem in (
        Problem("spool_unwritable"),
        Problem("refused", 422, 1),
        Problem("unauthorized", 404),
        Problem("unauthorized", 401),
    ):
        problems.note(problem)
        problems.tell()
    assert capsys.readouterr().err == (
        "headwater_sdk: https://logs.test/x answered 404: "
        "check the address and the key, no event is taken\n"
    )


def test_a_wrong_key_is_said_once_and_to_one_listener(capsys: pytest.CaptureFixture[str]) -> None:
    for options, line_count in (({}, 1), ({"on_error": lambda _: None}, 0)):
        gateway = ScriptedGateway(script=["401", "202", "401"])
        one = process(gateway, **options)
        for name in "ab":
            one.log(name)
            send(one)
            one.clock.seconds += 301
            one.send()
        assert (gateway.attempt_count, gateway.script) == (4, [])
        assert len(capsys.readouterr().err.splitlines()) == line_count


def test_a_refused_batch_is_dropped_told_and_reported_with_the_next() -> None:
    told: list[Problem] = []
    gateway = ScriptedGateway(script=["422"])
    one = process(gateway, on_error=told.append)
    one.log("a")
    one.log("b")
    send(one)
    assert told == [Problem("refused", 422, 2)]
    assert one.stats.now()["drops"] == {"refused": 2}
    one.log("c")
    send(one)
    last = json.loads([*gateway.bodies.values()][-1])
    assert last["client_report"] == {"refused": 2}


def test_a_report_that_is_lost_is_told_again() -> None:
    gateway = ScriptedGateway(script=["422", "422", "202"])
    one = process(gateway)
    for name in "abc":
        one.log(name)
        send(one)
    last = json.loads([*gateway.bodies.values()][-1])
    assert last["client_report"] == {"refused": 2}


def test_a_batch_older_than_seven_days_is_dropped() -> None:
    gateway = ScriptedGateway(script=["503"])
    one = process(gateway)
    one.log("a")
    send(one)
    one.clock.seconds += OLDEST.total_seconds() + 1
    one.send()
    assert one.stats.now()["drops"] == {"expired": 1}
    assert gateway.attempt_count == 1


def test_a_batch_that_is_too_large_gives_the_same_parts_each_time() -> None:
    settings = read_options("http://x", "k", {})
    events = [b'{"message":"%d","extra_data":{}}' % number for number in range(5)]
    batch = seal(events, 1_795_000_000, settings, {"queue_full": 3}, severe=False)
    assert batch.body is not None
    once, again = halve(batch, batch.body), halve(batch, batch.body)

    assert [(one.id, one.body) for one in once] == [(one.id, one.body) for one in again]
    assert [one.count for one in once] == [2, 3]
    assert [one.report for one in once] == [{"queue_full": 3}, {}]
    assert {one.id for one in once}.isdisjoint({batch.id})


def test_an_event_that_is_alone_and_too_large_loses_its_context_then_goes() -> None:
    gateway = ScriptedGateway(most_events=0)
    one = process(gateway)
    one.log("a")
    for _ in range(4):
        send(one)
    assert one.stats.now()["drops"] == {"too_large": 1}
    assert gateway.attempt_count == 2
    assert b"_truncated" in [*gateway.bodies.values()][-1]


def test_a_full_queue_drops_what_is_new_and_keeps_room_for_errors() -> None:
    one = process(queue_count=100)
    for number in range(90):
        one.log(f"i{number}")
    for number in range(40):
        one.log(f"e{number}", "ERROR")
    now = one.stats.now()
    assert (now["queued"], now["drops"]) == (100, {"queue_full": 30})


def test_batches_that_fit_nowhere_are_evicted_without_errors_first() -> None:
    one = process(ScriptedGateway(script=["503"]), queue_bytes=1_500, batch_size=1)
    for number, level in enumerate(["INFO", "ERROR", *["INFO"] * 8]):
        one.log(f"event {number}", level)
        one.pipeline.collector.turn()
    one.send()
    dropped = one.stats.now()["drops"]["evicted"]
    assert 0 < dropped < 10
    one.clock.seconds += 60
    while one.send() == 0.0:
        pass
    gateway_names = {
        json.loads(body)["events"][0]["message"] for body in one.gateway.bodies.values()
    }
    assert "event 1" in gateway_names
    assert one.holds_identity()


def test_repeats_fold_into_a_summary() -> None:
    gateway = ScriptedGateway()
    one = process(gateway, dedupe_within=timedelta(seconds=10))
    for _ in range(5):
        one.log("same")
        one.collect()
    one.log("other")
    one.clock.seconds += 11
    one.pipeline.collector.finish()
    one.send()
    events = [event for body in gateway.bodies.values() for event in json.loads(body)["events"]]
    assert [(event["message"], event.get("count", 1)) for event in events] == [
        ("same", 1),
        ("same", 4),
        ("other", 1),
    ]
    assert one.stats.now()["deduped"] == 3
    assert one.holds_identity()


def test_events_are_sent_in_time_without_anybody_asking() -> None:
    """With the threads running: what comes while a batch is open, and while repeats fold."""
    watched = Watched(flush_after=timedelta(seconds=0.05), dedupe_within=timedelta(seconds=60))
    for number in range(12):
        watched.client.log("INFO", f"event {number}")
        time.sleep(0.02)
    for _ in range(500):
        if watched.client.stats()["sent"] == 12:
            break
        time.sleep(0.02)
    assert [event["message"] for event in watched.gateway.events] == [
        f"event {number}" for number in range(12)
    ]
    assert len(watched.gateway.bodies) > 1
    watched.client.close(0)


def test_sampling_counts_what_it_leaves_out() -> None:
    watched = Watched(sample_rate=0.0)
    watched.client.log("INFO", "x")
    assert watched.client.stats()["sampled"] == 1
    assert watched.holds_identity()
    watched.client.close(0)


def test_a_hook_may_change_and_drop_and_what_it_adds_is_redacted() -> None:
    def hook(event: dict[str, Any]) -> dict[str, Any] | None:
        if "secret plan" in event["message"]:
            return None
        if "broken" in event["message"]:
            raise RuntimeError("the hook's own")
        event["extra_data"]["password"] = "added"
        return event | {"kind": "query", "id": "x"}

    watched = Watched(before_send=hook)
    for message in ("secret plan", "broken", "kept token=abcdef"):
        watched.client.log("INFO", message)
    broken, kept = watched.sent()

    assert broken["message"] == "broken"
    assert kept["kind"] == "log"
    assert len(kept["id"]) == 36
    assert kept["message"] == "kept token=[REDACTED]"
    assert kept["extra_data"]["password"] == "[REDACTED]"
    stats = watched.client.stats()
    assert stats["drops"] == {"before_send": 1}
    assert stats["hook_failed"] == 1
    watched.client.close(0)


def test_an_event_larger_than_the_gateway_takes_is_cut() -> None:
    watched = Watched()
    lines = {f"k{number}": "漢" * 400 for number in range(90)}
    watched.client.log("INFO", "x" * 20_000, **lines)
    [event] = watched.sent()
    assert len(json.dumps(event, ensure_ascii=False).encode()) < 64 * 1024
    assert event["extra_data"]["_truncated"] is True
    watched.client.close(0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", -1), ("sample_rate", "half"), ("queue_count", 0), ("nonsense", 1)],
)
def test_options_that_make_no_sense_count_as_not_given(name: str, value: object) -> None:
    given: Any = {name: value}
    assert read_options("http://x", "k", given) == read_options("http://x", "k", {})


@pytest.mark.parametrize(("url", "key"), [("", "k"), ("http://x", ""), (None, None), (7, object())])
def test_without_an_address_or_a_key_nothing_happens(url: Any, key: Any) -> None:
    assert not read_options(url, key, {}).is_complete


def test_only_a_gateways_own_success_counts_as_sent() -> None:
    told: list[Problem] = []
    watched = Watched(Answer(200), on_error=told.append, flush_after=timedelta(hours=1))
    watched.client.log("INFO", "x")
    watched.client.flush(0.2)
    assert watched.client.stats()["sent"] == 0
    watched.gateway.answer = Answer(204)
    watched.client.flush(0.2)
    assert told == [Problem("unexpected", 200)]
    watched.gateway.answer = Answer(202)
    assert watched.client.flush(5)
    assert watched.client.stats()["sent"] == 1
    watched.client.close(0)


def test_each_step_of_a_request_gets_what_is_left_of_its_time() -> None:
    clock = MovedClock()
    left = Remaining(clock, 10)
    assert left.get("connect") == 10
    clock.seconds += 9
    assert (left.get("read"), left.is_over) == (1, False)
    clock.seconds += 2
    assert 0 < left.get("read") < 0.1
    assert left.is_over


def test_batches_are_sorted_only_where_some_have_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    sorts: list[int] = []

    def sort(batches: Any, key: Any) -> Any:
        sorts.append(len(batches))
        return sorted(batches, key=key)

    monkeypatch.setattr("headwater_sdk.transport.outbox.sorted", sort, raising=False)
    one = process(ScriptedGateway(script=["503"]), queue_bytes=1_500, batch_size=1)
    for number in range(3):
        one.log(f"event {number}")
        one.collect()
    assert sorts == []
    for number in range(10):
        one.log(f"event {number}")
        one.collect()
    assert sorts
    assert one.holds_identity()
