"""Whatever an application gives, nothing is raised into it."""

import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from headwater_sdk import HeadwaterHandler, RedactOptions, TraceTransport, init, set_trace
from headwater_sdk.options import read_options
from headwater_sdk.work import current_trace_id, current_work
from tests.unit.python_sdk.making import Watched


@pytest.mark.parametrize(
    "given",
    [
        {"spool": 5},
        {"spool": ""},
        {"propagate_to": 5},
        {"context": "abc"},
        {"context": ["a"]},
        {"redact": {}},
        {"redact": RedactOptions(patterns=["("])},
        {"before_send": 1},
        {"on_error": "print"},
        {"release": 3},
        {"gzip": "no"},
    ],
)
def test_an_option_of_another_type_counts_as_not_given(given: dict[str, Any]) -> None:
    settings: Any = read_options("http://x", "k", given)  # type: ignore[arg-type]
    assert settings == read_options("http://x", "k", {})
    Watched(**given).client.close(0)


def test_one_host_may_be_a_text() -> None:
    assert read_options("x", "k", {"propagate_to": "a.test"}).propagate_to == ("a.test",)


@pytest.mark.parametrize(
    ("level", "number"), [("warning", 30), (" Error ", 40), ("loud", 0), (25, 25)]
)
def test_a_level_may_be_named_in_any_case(watched: Watched, level: Any, number: int) -> None:
    assert HeadwaterHandler(watched.client, level).level == number
    client = init("http://127.0.0.1:1", "k", logs=level, uncaught=False)
    levels = [one.level for one in logging.getLogger().handlers if type(one) is HeadwaterHandler]
    client.close(0)
    assert levels == [number]


@pytest.fixture
def no_work() -> Iterator[None]:
    token = current_work.set(None)
    yield
    current_work.reset(token)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("given", ["order-ü", 123, "a\r\nX: y", "", "\ud800", "x" * 200])
def test_a_trace_id_that_no_header_may_carry_is_replaced(given: Any) -> None:
    set_trace(given)
    made = current_trace_id()
    assert made is not None
    assert len(made) == 32
    watched = Watched(propagate_to=["shop.test"])
    answer = httpx.MockTransport(lambda request: httpx.Response(200, headers=request.headers))
    with httpx.Client(transport=TraceTransport(watched.client, answer)) as client:
        assert client.get("http://shop.test/").headers["x-trace-id"] == made
    watched.client.close(0)
