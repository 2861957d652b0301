"""Records of `logging` become events; nothing that a record holds makes the handler raise."""

import logging
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from headwater_sdk import HeadwaterHandler, set_user
from headwater_sdk.work import Work, current_work
from tests.unit.python_sdk.making import Watched, fail, raised


class Mute:
    """Cannot be written."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def test_a_record_is_a_log_with_its_fields(watched: Watched) -> None:
    watched.logging().warning("cart of %s", "ann", extra={"items": 3, "status_code": 502})

    [event] = watched.sent()
    assert event["kind"] == "log"
    assert (event["level"], event["module"]) == ("WARNING", "shop.cart")
    assert event["message"] == "cart of ann"
    assert event["source"] == "backend"
    assert event["status_code"] == 502
    assert event["extra_data"]["items"] == 3
    assert event["extra_data"]["function"] == "test_a_record_is_a_log_with_its_fields"


@pytest.mark.parametrize(
    ("number", "name"),
    [(5, "DEBUG"), (10, "DEBUG"), (25, "INFO"), (30, "WARNING"), (45, "ERROR"), (99, "CRITICAL")],
)
def test_levels_in_between(watched: Watched, number: int, name: str) -> None:
    watched.logging(1).log(number, "x")
    assert [event["level"] for event in watched.sent()] == [name]


def test_what_changes_after_the_call_changes_no_event(watched: Watched) -> None:
    cart = ["tea"]
    watched.logging().info("cart %s", cart, extra={"cart": cart, "deep": {"cart": cart}})
    cart.append("milk")

    [event] = watched.sent()
    assert event["message"] == "cart ['tea']"
    assert event["extra_data"]["cart"] == ["tea"]
    assert event["extra_data"]["deep"] == {"cart": ["tea"]}


def test_an_exception_has_its_stack_and_causes(watched: Watched) -> None:
    def inner() -> None:
        raise ValueError("no such price")

    def outer() -> None:
        try:
            inner()
        except ValueError as error:
            raise LookupError("no such basket") from error

    log = watched.logging()
    try:
        outer()
    except LookupError:
        log.exception("order %d failed", 7)

    [event] = watched.sent()
    assert event["kind"] == "exception"
    exception = event["exception"]
    assert (exception["type"], exception["value"]) == ("LookupError", "no such basket")
    assert [frame["function"].rpartition(".")[2] for frame in exception["stacktrace"]] == [
        "outer",
        "test_an_exception_has_its_stack_and_causes",
    ]
    assert [cause["type"] for cause in exception["cause"]] == ["ValueError"]
    assert event["extra_data"]["message"] == "order 7 failed"


def test_an_exception_that_is_an_event_already_is_only_named(watched: Watched) -> None:
    error = raised(fail)
    watched.client.capture_exception(error)
    watched.logging().error("again", exc_info=error)

    first, second = watched.sent()
    assert first["kind"] == "exception"
    assert (second["kind"], second["message"]) == ("log", "again")
    assert second["extra_data"]["exception"] == "KeyError"


@pytest.mark.parametrize(
    ("message", "arguments", "extra"),
    [
        ("%s", (Mute(),), {}),
        ("%d of %d", (1,), {}),
        (Mute(), (), {}),
        ("x", (), {"mute": Mute()}),
        ("\ud800 and \0", (), {"half": "\udfff"}),
        ("x", (), {"nan": float("nan"), "huge": 10**400, "far": 10**5000}),
    ],
)
def test_no_record_makes_it_raise_or_gets_lost(
    watched: Watched, message: Any, arguments: tuple[Any, ...], extra: dict[str, Any]
) -> None:
    log = watched.logging()
    log.info(message, *arguments, extra=extra)
    log.info("the next one")

    assert [event["message"] for event in watched.sent()][-1] == "the next one"
    assert len(watched.sent()) == 2
    assert watched.holds_identity()


def test_a_value_that_contains_itself(watched: Watched) -> None:
    knot: dict[str, Any] = {}
    knot["knot"] = knot
    deep: Any = 0
    for _ in range(50):
        deep = [deep]
    watched.logging().info("x", extra={"knot": knot, "deep": deep, "many": list(range(1_000))})

    [event] = watched.sent()
    assert event["extra_data"]["knot"] == {"knot": "[Circular]"}
    assert len(event["extra_data"]["many"]) == 100
    assert event["extra_data"]["_truncated"] is True


def test_what_the_sdk_does_is_never_captured(watched: Watched) -> None:
    log = watched.logging()

    class Talkative:
        def __str__(self) -> str:
            log.error("I was written")
            return "talk"

    log.info("%s", Talkative())
    assert [event["message"] for event in watched.sent()] == ["talk"]


def test_parameters_of_sql_never_leave(watched: Watched) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE users (email TEXT UNIQUE)"))
        insert = text("INSERT INTO users VALUES (:email)")
        connection.execute(insert, {"email": "ann@example.com"})
        log = watched.logging()
        try:
            connection.execute(insert, {"email": "ann@example.com"})
        except IntegrityError as error:
            log.exception("failed: %s", error)
            log.warning(str(error))
    engine.dispose()

    events = watched.sent()
    assert len(events) == 2
    assert "UNIQUE constraint failed" in events[0]["exception"]["value"]
    assert "ann@example.com" not in str(events)


def test_structlogs_dict_is_read(watched: Watched) -> None:
    log = watched.logging()
    log.warning({"event": "slow", "level": "warning", "took": 3, "trace_id": "abc"})

    [event] = watched.sent()
    assert (event["message"], event["trace_id"]) == ("slow", "abc")
    assert event["extra_data"]["took"] == 3


def test_the_work_at_hand_is_part_of_every_event(watched: Watched) -> None:
    token = current_work.set(Work("t1", "GET", "/orders/7"))
    try:
        set_user(42, "visit")
        watched.logging().info("x")
    finally:
        current_work.reset(token)

    [event] = watched.sent()
    assert event["trace_id"] == "t1"
    assert (event["request_method"], event["request_path"]) == ("GET", "/orders/7")
    assert (event["user_id"], event["session_id"]) == ("42", "visit")


def test_a_closed_client_takes_nothing_and_says_nothing(watched: Watched) -> None:
    handler = HeadwaterHandler(watched.client)
    watched.client.close(0)
    record = logging.LogRecord("x", 20, "x.py", 1, "late", None, None)
    assert handler.handle(record) is True
    assert watched.client.stats()["captured"] == 0
