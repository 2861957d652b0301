"""`headwater up`, `down` and `status`: the local stack of a home."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from headwater.commands.options import HomeOption, one_line_errors, resolve_home, up_line

FIRST_LINES = """\
Headwater starts Kafka, PostgreSQL and its services in {home}
The first time takes about a minute (it fetches Kafka, 44 MB), later starts some ten seconds."""


def up(  # noqa: PLR0913 - each is an option of the command line
    home: HomeOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once it is ready, and leave it running")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the console", show_default="a free one"),
    ] = None,
    brokers: Annotated[
        int | None,
        typer.Option(
            min=1, max=9, help="Kafka nodes", show_default="as many as the home has, or 1"
        ),
    ] = None,
    gateways: Annotated[int, typer.Option(min=1, max=16, help="Ingest processes")] = 1,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the processes' logs")] = False,
    progress_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start everything, prove that it works, and say how to use it."""
    path = resolve_home(home)
    if progress_fd is None:
        typer.echo(FIRST_LINES.format(home=path))
    from headwater.supervisor import foreground  # noqa: PLC0415 - after the first lines
    from headwater.supervisor.options import UpOptions  # noqa: PLC0415

    options = UpOptions(path, port, brokers, gateways)
    if progress_fd is not None:
        raise typer.Exit(foreground.run_in_background(options, progress_fd))
    if detach:
        raise typer.Exit(foreground.start_in_background(options))
    raise typer.Exit(foreground.run_in_foreground(options, verbose=verbose))


def down(home: HomeOption = None) -> None:
    """Stop everything of a home, also what a killed supervisor left behind."""
    from headwater.supervisor.down import take_down  # noqa: PLC0415 - see the package

    with one_line_errors():
        typer.echo(take_down(resolve_home(home)))


def status(
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; holds secrets")] = False,
) -> None:
    """Show what runs; exits 0 only when everything is ready."""
    from headwater.home import Home, read_state, runs  # noqa: PLC0415 - see the package

    path = resolve_home(home)
    with one_line_errors():
        state = read_state(Home(path))
        anything_runs = runs(Home(path), state)
    if as_json:
        typer.echo(json.dumps(asdict(state), indent=2))
    elif not anything_runs:
        typer.echo(f"Nothing runs in {path}: start it with {up_line(path)}")
    else:
        typer.echo(f"{'ready' if state.ready else 'not ready'}   {state.home}")
        for name, process in state.processes.items():
            shown = "ready" if process.ready else "not ready"
            pid = process.pid if process.pid is not None else "-"
            typer.echo(f"  {name:<12} {shown:<10} pid {pid}, restarted {process.restarts} times")
        if state.ready:
            typer.echo(f"  Console      {state.console_url}\n  Events to    {state.ingest_url}")
    if not state.ready:
        raise typer.Exit(1)
