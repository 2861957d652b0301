"""What an event may hold: its size while it waits, its columns, each exception once."""

import json
from datetime import timedelta
from typing import Any

import pytest

from headwater_sdk.record.plain import keep_value
from headwater_sdk.record.size import size_of
from headwater_sdk.transport.intake import Captured
from services.ingest.domain.client_events import event_decoder
from tests.unit.python_sdk.making import Watched, fail, raised

MEGABYTE = "x" * 1_000_000


def waiting(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> list[Captured]:
    """Return a list of what is captured from now on."""
    kept: list[Captured] = []
    monkeypatch.setattr(watched.client._pipeline, "put", kept.append)
    monkeypatch.setattr(watched.client._pipeline, "start", lambda: None)
    return kept


def test_what_waits_is_cut_and_counted(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = waiting(watched, monkeypatch)
    log = watched.client.log
    log("INFO", MEGABYTE)
    log("INFO", "x", body=MEGABYTE)
    log("INFO", "x", deep=[MEGABYTE, {"a": MEGABYTE}])
    log("INFO", "x", trace_id=MEGABYTE)
    watched.logging().info("%s", MEGABYTE, extra={"body": MEGABYTE})
    watched.client.capture_exception(ValueError(MEGABYTE))

    assert len(kept) == 6
    for item in kept:
        assert len(json.dumps(item.content)) < 50_000
        assert item.size > 8_000
        assert item.size == size_of(item.content)


def test_a_text_of_any_length_is_cut_not_dropped(watched: Watched) -> None:
    watched.client.log("ERROR", MEGABYTE * 13, body=MEGABYTE)
    [event] = watched.sent()
    assert event["message"] == "x" * 8_192 + "…"
    assert event["extra_data"]["_truncated"] is True


def test_many_small_values_take_of_the_room_too() -> None:
    def count_of(value: Any) -> int:
        return 1 + sum(map(count_of, value)) if isinstance(value, list) else 1

    assert count_of(keep_value([[[1] * 100] * 100] * 100)) < 13_000


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("status_code", "n/a", "n/a"),
        ("status_code", 200.5, 200.5),
        ("status_code", True, True),
        ("status_code", 10**30, str(10**30)),
        ("status_code", -1, -1),
        ("duration_ms", float("nan"), "nan"),
        ("duration_ms", float("inf"), "inf"),
        ("duration_ms", timedelta(seconds=1), "0:00:01"),
        ("duration_ms", -1, -1),
    ],
)
def test_a_number_that_is_none_is_a_field(
    watched: Watched, name: str, value: object, said: object
) -> None:
    watched.client.log("INFO", "x", **{name: value})
    [event] = watched.sent()
    assert name not in event
    assert event["extra_data"][name] == said
    event_decoder.decode(json.dumps(event))


def test_a_number_that_is_one_is_a_column(watched: Watched) -> None:
    watched.client.log("INFO", "x", status_code=204.0, duration_ms=3)
    [event] = watched.sent()
    assert (event["status_code"], event["duration_ms"]) == (204, 3)


def test_an_exception_is_one_event_whoever_tells_of_it(watched: Watched) -> None:
    error = raised(fail)
    log = watched.logging()
    log.error("first", exc_info=error)
    log.error("second", exc_info=error)
    watched.client.capture_exception(error)

    events = watched.sent()
    assert [event["kind"] for event in events] == ["exception", "log", "log"]
    assert [event["message"] for event in events[1:]] == ["second", "KeyError: 'x'"]
    assert {event["extra_data"]["exception"] for event in events[1:]} == {"KeyError"}


def test_fields_may_have_any_name(watched: Watched) -> None:
    fields: dict[str, Any] = {"level": 3, "message": "y", "self": 1, "error": 2}
    watched.client.log("INFO", "x", **fields)
    [event] = watched.sent()
    assert (event["level"], event["message"]) == ("INFO", "x")
    assert event["extra_data"].items() >= fields.items()
    watched.client.capture_exception(raised(fail), error="y")
    assert watched.sent()[1]["extra_data"]["error"] == "y"
