import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from libs.common.telemetry.logs import NewGroupFilter, RepeatFilter, configure_logs, get_logger
from libs.common.telemetry.trace import current_trace_id


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Standard error of a process that has configured its logs."""
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    configure_logs("ingest", "INFO")
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_line_is_one_json_object_with_service_and_trace_id(written: io.StringIO) -> None:
    token = current_trace_id.set("t-1")
    get_logger("here").info("published", batch_count=3)
    current_trace_id.reset(token)

    (line,) = lines(written)
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "published",
        "batch_count": 3,
        "level": "info",
        "logger": "here",
        "service": "ingest",
        "trace_id": "t-1",
    }


def test_line_outside_of_a_request_has_no_trace_id(written: io.StringIO) -> None:
    get_logger("here").info("started")

    assert "trace_id" not in lines(written)[0]


def test_lines_of_libraries_have_the_same_form(written: io.StringIO) -> None:
    logging.getLogger("some.library").warning("slow: %d ms", 7)

    (line,) = lines(written)
    assert (line["event"], line["service"], line["level"]) == ("slow: 7 ms", "ingest", "warning")


def test_below_the_level_nothing_is_written(written: io.StringIO) -> None:
    get_logger("here").debug("detail")

    assert written.getvalue() == ""


def test_exception_stays_on_one_line(written: io.StringIO) -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        get_logger("here").exception("failed")

    (line,) = lines(written)
    assert line["exception"][0]["exc_type"] == "ValueError"


def test_what_repeats_is_cut_off_and_comes_back_later() -> None:
    repeats = RepeatFilter()

    def passes(at: float) -> bool:
        record = logging.makeLogRecord({"msg": "no broker %s", "created": at})
        return repeats.filter(record)

    assert [passes(1.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert passes(12.0)


@pytest.mark.parametrize(
    ("said", "after_ms", "level"),
    [
        ("Group Coordinator Request failed: %s", 9_000, "INFO"),
        ("Marking the coordinator dead (node %s)for group %s.", 9_000, "INFO"),
        ("Group Coordinator Request failed: %s", 61_000, "ERROR"),
        ("OffsetCommit failed for group %s - %s", 9_000, "ERROR"),
    ],
)
def test_a_group_that_is_being_made_is_no_trouble(said: str, after_ms: int, level: str) -> None:
    record = logging.makeLogRecord(
        {
            "msg": said,
            "relativeCreated": after_ms,
            "levelno": logging.ERROR,
            "levelname": "ERROR",
        }
    )
    assert NewGroupFilter().filter(record)
    assert (record.levelname, record.levelno) == (level, logging.getLevelName(level))


def test_a_trace_shows_where_but_no_values(written: io.StringIO) -> None:
    def connect(url: str) -> None:
        raise ConnectionRefusedError(f"no server for {len(url)} characters")

    for name in ("ours", "some.library"):
        try:
            connect("postgresql://ann:" + "top" + "secret@here/db")
        except ConnectionRefusedError:
            (get_logger(name) if name == "ours" else logging.getLogger(name)).exception("failed")
    assert "topsecret" not in written.getvalue()
    for line in lines(written):
        (trace,) = line["exception"]
        assert trace["exc_type"] == "ConnectionRefusedError"
        assert [frame["name"] for frame in trace["frames"]][-1] == "connect"
