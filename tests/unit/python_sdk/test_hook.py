"""The application's own hook: what it leaves alone stays, what it breaks leaves nothing behind."""

import json
from typing import Any

import pytest

from services.ingest.domain.client_events import event_decoder
from tests.unit.python_sdk.making import Watched, fail, raised

LARGE = {f"k{number}": "y" * 8_000 for number in range(6)}
WIDE = {f"k{number}": number for number in range(100)}

NOTHING_CHANGED: tuple[dict[str, Any], ...] = ({}, {"before_send": lambda event: event})


def without_what_differs(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in {"id", "created_at"}}


@pytest.mark.parametrize("fields", [LARGE, WIDE, {"deep": {"a": {"b": {"c": {"d": {"e": {}}}}}}}])
def test_a_hook_that_changes_nothing_changes_nothing(fields: dict[str, Any]) -> None:
    seen = []
    for options in NOTHING_CHANGED:
        watched = Watched(context={f"c{number}": number for number in range(90)}, **options)
        error = raised(fail)
        error.args = ("z" * 7_000,)
        watched.client.capture_exception(error, user_id="u1", request_path="/p", **fields)
        watched.client.log("ERROR", "m" * 9_000, user_id="u1", status_code=502, **fields)
        seen.append([without_what_differs(event) for event in watched.sent()])
        watched.client.close(0)
    assert seen[0] == seen[1]
    assert seen[0][0]["exception"]["stacktrace"]


def test_what_a_hook_wrote_before_it_failed_is_not_sent() -> None:
    def hook(event: dict[str, Any]) -> dict[str, Any]:
        event["exception"]["value"] = "card of ann"
        event["exception"]["password"] = "hunter2secret"
        event["extra_data"]["deep"]["password"] = "hunter2secret"
        raise ValueError

    watched = Watched(before_send=hook)
    watched.client.capture_exception(raised(fail), deep={})
    [event] = watched.sent()
    assert event["exception"]["value"] == "'x'"
    assert "hunter2secret" not in str(event)
    assert watched.client.stats()["hook_failed"] == 1
    watched.client.close(0)


@pytest.mark.parametrize(
    "change",
    [
        {"exception": None},
        {"exception": "none"},
        {"level": "LOUD"},
        {"status_code": "n/a"},
        {"extra_data": None},
        {"message": None, 7: "seven"},
    ],
)
def test_whatever_a_hook_returns_the_gateway_takes(change: dict[Any, Any]) -> None:
    watched = Watched(before_send=lambda event: event | change)
    watched.client.capture_exception(raised(fail))
    watched.client.log("INFO", "x")
    exception, log = watched.sent()
    assert exception["exception"]["type"] == "KeyError"
    assert exception["exception"]["stacktrace"]
    assert log["level"] == "INFO"
    for event in (exception, log):
        event_decoder.decode(json.dumps(event))
    watched.client.close(0)


def test_a_hook_that_wants_to_end_the_process_ends_nothing() -> None:
    def hook(event: dict[str, Any]) -> dict[str, Any]:
        raise SystemExit(3)

    watched = Watched(before_send=hook)
    watched.client.log("INFO", "x")
    assert [event["message"] for event in watched.sent()] == ["x"]
    watched.client.close(0)
