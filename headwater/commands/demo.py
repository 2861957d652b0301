"""`headwater demo`: fills an installation with events."""

from pathlib import Path
from typing import Annotated

import typer

from headwater.commands.options import HomeOption, resolve_home


def demo(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder with real logs, instead of made-up events")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Send believable events of all kinds through the gateway, or the lines of real logs."""
    from headwater.demo.app import run_demo  # noqa: PLC0415 - see the package

    run_demo(folder, resolve_home(home))
