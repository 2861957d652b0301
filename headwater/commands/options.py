"""Options and endings that subcommands share."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from headwater.administration import Administration
    from headwater.settings import StackSettings

T = TypeVar("T")

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the installation", show_default=".headwater"),
]


def resolve_home(home: Path | None) -> Path:
    """Return the home that was asked for, or that of HEADWATER_HOME, or the default."""
    return (home or read_settings().home).expanduser().resolve()


def read_settings() -> "StackSettings":
    """Return the settings; fails with the name of the variable that cannot be."""
    from pydantic import ValidationError  # noqa: PLC0415 - see the package

    from headwater.settings import StackSettings  # noqa: PLC0415

    try:
        return StackSettings()
    except ValidationError as error:
        wrong = error.errors()[0]
        reason = wrong["msg"].removeprefix("Value error, ")
        fail(f"HEADWATER_{str(wrong['loc'][0]).upper()}: {reason}")


def up_line(home: Path) -> str:
    """Return the command that starts a home, for messages."""
    from headwater.invocation import own_command  # noqa: PLC0415 - see the package

    return f"`{own_command()} up --home {home}`"


def fail(message: str) -> NoReturn:
    """End the command with one line that says why, and exit code 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the command with one line for what the operator can put right, instead of a trace."""
    from aiokafka.errors import KafkaConnectionError, KafkaError  # noqa: PLC0415 - see the package
    from asyncpg import InterfaceError, PostgresError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from headwater.stack.errors import StackError  # noqa: PLC0415

    try:
        with _hear_aiokafka() as heard:
            yield
    except StackError as error:
        fail(str(error))
    except KafkaConnectionError as error:
        fail(f"no connection, is it running? {heard[-1] if heard else error}")
    except ConnectionError as error:
        fail(f"no connection, is it running? {error}")
    except (KafkaError, SQLAlchemyError, PostgresError, InterfaceError, OSError) as error:
        first_line = str(error).partition("\n")[0]
        fail(f"{type(error).__name__}: {first_line}")


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _hear_aiokafka() -> Iterator[list[str]]:
    """Keep back what aiokafka logs: only there it says why it got no connection."""
    handler = _Heard()
    logger = logging.getLogger("aiokafka")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield handler.lines
    finally:
        logger.propagate = True
        logger.removeHandler(handler)


def open_administration(home: Path | None) -> "Administration":
    """Return what changes keys and users of the installation; fails where none is to be found."""
    from headwater.administration import Administration  # noqa: PLC0415 - see the package
    from headwater.connections import database_url  # noqa: PLC0415
    from libs.common.clock import SystemClock  # noqa: PLC0415

    with one_line_errors():
        return Administration(database_url(resolve_home(home)), SystemClock())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run an async command."""
    with one_line_errors():
        return asyncio.run(work)
