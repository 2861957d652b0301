"""What `headwater demo` does: make or read events, send them, say what became of them."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from headwater.demo.batches import make_batches
from headwater.demo.errors import DemoFailed
from headwater.demo.loghub import read_folder
from headwater.demo.made_up import make_day
from headwater.demo.sender import Outcome, send
from headwater.demo.web.sdk import SDK, build_sdk
from headwater.demo.web.server import serve_demo
from headwater.home import Home, State, read_state
from headwater.invocation import own_command
from libs.common.clock import SystemClock
from libs.common.runtime import run_process
from libs.common.telemetry.logs import configure_logs

_MADE_UP_COUNT = 5_000


def run_demo(folder: Path | None, home: Path) -> None:
    """Fill the installation of a home; exits with 1 and a reason where it cannot."""
    now = SystemClock().now()
    try:
        state = _running(home)
        events = read_folder(folder, now) if folder else make_day(_MADE_UP_COUNT, now, seed=7)
        outcome = Outcome()
        console = Console()
        bar = Progress(
            TextColumn("sending"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        with bar:
            task = bar.add_task("events", total=len(events))
            batches = make_batches(events, uuid4())
            for event_count in send(batches, state.ingest_url, state.ingest_key, outcome):
                bar.advance(task, event_count)
    except DemoFailed as error:
        typer.echo(f"demo: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{outcome.accepted_count} of {len(events)} events accepted, over 24 h to now")
    for reason, count in outcome.rejected.most_common():
        typer.echo(f"{count} rejected: {reason}")
    typer.echo(f"read them at {state.console_url}/api/v1/logging/logs")
    # as time goes by, the first of them leave the last 24 hours that are counted by default
    since = f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    typer.echo(f"count them at {state.console_url}/api/v1/logging/logs/statistics?from={since}")


def run_web_demo(port: int, home: Path) -> None:
    """Serve the demo's page until a signal; exits with 1 and a reason where it cannot."""

    def tell(url: str) -> None:
        typer.echo(f"demo page: {url} (Ctrl-C ends it)")

    try:
        state = _running(home)
        build_sdk(SDK, typer.echo)
        configure_logs("demo", "WARNING")
        run_process(lambda stop: serve_demo(state, port, tell, stop))
    except DemoFailed as error:
        typer.echo(f"demo: {error}", err=True)
        raise typer.Exit(1) from error


def _running(home: Path) -> State:
    state = read_state(Home(home))
    if not state.ready:
        raise DemoFailed(
            f"nothing runs in {home}: start it with `{own_command()} up --home {home}`"
        )
    return state
