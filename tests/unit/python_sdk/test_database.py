"""The values of SQL statements stay at home, wherever the application wrote them."""

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from headwater_sdk import HeadwaterHandler, HeadwaterProcessor
from headwater_sdk.record.database import cut_parameters, first_line
from tests.unit.python_sdk.making import Watched

NAME = "Geheimer Kundenname"


def failed_insert() -> IntegrityError:
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"))
            connection.execute(text("INSERT INTO t VALUES (1, :b), (1, :b)"), {"b": NAME})
    except IntegrityError as error:
        return error
    finally:
        engine.dispose()
    raise AssertionError("it has to fail")


def trace_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


WAYS: dict[str, Callable[[Watched, BaseException], object]] = {
    "message": lambda w, error: w.client.log("ERROR", str(error)),
    "error as message": lambda w, error: w.client.log("ERROR", error),
    "field": lambda w, error: w.client.log("ERROR", "x", error=error),
    "text field": lambda w, error: w.client.log("ERROR", "x", error=str(error)),
    "deep field": lambda w, error: w.client.log("ERROR", "x", deep=[{"error": str(error)}]),
    "traceback": lambda w, error: w.client.log("ERROR", "x", exception=trace_of(error)),
    "repr": lambda w, error: w.client.log("ERROR", "x", note=f"{error!r}"),
    "extra": lambda w, error: w.logging().error("x", extra={"err": error}),
    "argument": lambda w, error: w.logging().error("x %s", error),
    "exc_info": lambda w, error: w.logging().error("x", exc_info=error),
    "wrapped": lambda w, error: w.client.capture_exception(RuntimeError(f"wrap {error}")),
}


@pytest.mark.parametrize("way", WAYS)
def test_parameters_never_leave(watched: Watched, way: str) -> None:
    error = failed_insert()
    assert NAME in str(error)
    WAYS[way](watched, error)

    [event] = watched.sent()
    assert NAME not in str(event)
    assert "UNIQUE constraint failed" in str(event)


def test_a_traceback_written_by_structlog(watched: Watched) -> None:
    log = structlog.wrap_logger(
        structlog.ReturnLogger(),
        processors=[
            structlog.processors.format_exc_info,
            HeadwaterProcessor(watched.client),
            structlog.processors.JSONRenderer(),
        ],
    )
    log.error("x", exc_info=failed_insert())
    [event] = watched.sent()
    assert NAME not in str(event)
    assert "failed_insert" in event["extra_data"]["exception"]


@pytest.fixture
def engine_log(watched: Watched) -> Iterator[logging.Logger]:
    log = logging.getLogger("sqlalchemy.engine")
    handler, level = HeadwaterHandler(watched.client), log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield log
    log.removeHandler(handler)
    log.setLevel(level)


def test_an_engine_that_prints_all_it_does(watched: Watched, engine_log: logging.Logger) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execution_options(logging_token="here")
        connection.execute(text("SELECT :name AS who"), {"name": NAME}).all()
    engine.dispose()

    events = watched.sent()
    assert any("SELECT ? AS who" in event["message"] for event in events)
    assert NAME not in str(events)


class DriverError(Exception):
    """What a driver raises."""


DriverError.__module__ = "pymysql.err"


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (
            """(1062, "Duplicate entry 'O'Neil's' for key 'u.name'")""",
            """(1062, "Duplicate entry '…' for key '…'")""",
        ),
        (
            "invalid input for query argument $1: 'X' ('str' object cannot be read)",
            "invalid input for query argument $1: '…'",
        ),
        (
            'invalid input syntax for type integer: "Geheim"',
            "invalid input syntax for type integer: '…'",
        ),
        (
            'duplicate key value violates unique constraint "users_key"\nDETAIL: (Geheim)',
            'duplicate key value violates unique constraint "users_key"',
        ),
        ("(1054, 'Unknown column x')", "(1054, 'Unknown column x')"),
        ("bad value 'Geheim that never", "bad value '…'"),
        ("UNIQUE constraint failed: t.a", "UNIQUE constraint failed: t.a"),
    ],
)
def test_what_a_driver_quotes_is_hidden(watched: Watched, said: str, sent: str) -> None:
    assert first_line(said) == sent
    watched.client.capture_exception(DriverError(said))
    watched.client.log("ERROR", "x", error=DriverError(said))
    exception, log = watched.sent()
    assert exception["exception"]["value"] == sent
    assert log["extra_data"]["error"] == f"DriverError: {sent}"


def test_each_part_between_is_kept_and_the_cut_is_seen() -> None:
    end = "\n(Background on this error at: x)"
    parts = [f"{number} [parameters: ('{NAME}',)]{end}" for number in range(3)]
    assert cut_parameters("\n".join(parts)) == "\n".join(
        f"{number} [parameters cut]{end}" for number in range(3)
    )
    assert cut_parameters(f"a [parameters: ('{NAME}',)]") == "a [parameters cut]"


def test_a_text_of_many_parameters_costs_one_pass() -> None:
    unit = "[parameters: \n(Background on this error"

    def cost_of(count: int) -> int:
        """Return how many characters all texts have that the cutting makes on its way."""
        made = 0

        class Counted(str):
            def __getitem__(self, key: Any) -> "Counted":
                nonlocal made
                part = Counted(str.__getitem__(self, key))
                made += len(part)
                return part

        cut_parameters(Counted(unit * count))
        return made

    assert cost_of(200) < 2.5 * cost_of(100)


def test_errors_without_a_statement_are_the_databases_too(watched: Watched) -> None:
    watched.client.capture_exception(SQLAlchemyError("bad 'Geheim'\nmore"))
    [event] = watched.sent()
    assert event["exception"]["value"] == "bad '…'"
