"""Options and endings that subcommands share."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from headwater.administration import Administration

T = TypeVar("T")

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the installation [default: .headwater]"),
]


def resolve_home(home: Path | None) -> Path:
    """Return the home that was asked for, or that of HEADWATER_HOME, or the default."""
    from headwater.settings import StackSettings  # noqa: PLC0415 - see the package

    return (home or StackSettings().home).expanduser().resolve()


def fail(message: str) -> NoReturn:
    """End the command with one line that says why, and exit code 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the command with one line for what the operator can put right, instead of a trace."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - see the package
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from headwater.stack.errors import StackError  # noqa: PLC0415

    try:
        yield
    except StackError as error:
        fail(str(error))
    except (KafkaError, SQLAlchemyError, OSError) as error:
        first_line = str(error).partition("\n")[0]
        fail(f"{type(error).__name__}: {first_line}")


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
