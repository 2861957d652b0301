"""`headwater demo`: fills an installation with events."""

from pathlib import Path
from typing import Annotated

import typer

from headwater.commands.options import HomeOption, resolve_home


def demo(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder with real logs, instead of made-up events")
    ] = None,
    web: Annotated[
        bool, typer.Option("--web", help="Serve a page with the browser SDK instead")
    ] = False,
    port: Annotated[int, typer.Option(help="Of that page; 0 takes any free one")] = 7180,
    home: HomeOption = None,
) -> None:
    """Send believable events of all kinds through the gateway, or the lines of real logs."""
    from headwater.demo.app import run_demo, run_web_demo  # noqa: PLC0415 - see the package

    if web:
        run_web_demo(port, resolve_home(home))
    else:
        run_demo(folder, resolve_home(home))
