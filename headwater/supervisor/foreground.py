"""How a supervisor is run: on the terminal, or in the background with its progress shown here."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from headwater.home import Home, HomeInUse, read_state
from headwater.invocation import own_command
from headwater.preflight import find_lacks, inspect_machine
from headwater.progress import (
    Listener,
    PipeListener,
    PlainListener,
    Progress,
    RichListener,
    parse_message,
)
from headwater.settings import StackSettings, inherited_environment
from headwater.stack.errors import StackError, StepFailed
from headwater.stack.folders import make_private
from headwater.supervisor.logs import follow
from headwater.supervisor.options import UpOptions
from headwater.supervisor.summary import ready_text
from libs.common.telemetry.logs import configure_logs, get_logger

log = get_logger(__name__)

OK, FAILED = 0, 1


def run_in_foreground(options: UpOptions, *, verbose: bool) -> int:
    """Run until Ctrl-C or SIGTERM; return the exit code."""
    console = Console()
    progress = Progress(_terminal_listener(console))
    if not _machine_suffices(options.home, progress):
        return FAILED

    def show(process: str, line: str) -> None:
        console.print(f"{process:>12} | {line}", markup=False, highlight=False, soft_wrap=True)

    return _run(options, progress, show if verbose else None)


def start_in_background(options: UpOptions) -> int:
    """Start a supervisor of its own session, show its progress, return once it is ready."""
    listener = _terminal_listener(Console())
    if not _machine_suffices(options.home, Progress(listener)):
        return FAILED
    home = Home(options.home)
    home.make()
    make_private(home.logs)
    log_file = home.logs / "supervisor.log"
    reader, writer = os.pipe()
    argv = [sys.executable, "-m", "headwater", "up", "--home", str(options.home)]
    argv += ["--gateways", str(options.gateway_count)]
    for name, value in (("--brokers", options.broker_count), ("--port", options.port)):
        argv += [name, str(value)] if value is not None else []
    with log_file.open("ab") as output:
        child = subprocess.Popen(
            [*argv, "--progress-fd", str(writer)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=inherited_environment(),
            pass_fds=(writer,),
            start_new_session=True,
        )
    os.close(writer)
    try:
        if _show_until_ready(reader, listener):
            return OK
        Progress(listener).say(f"It did not start; more in {log_file}")
        return FAILED
    except KeyboardInterrupt:
        child.send_signal(signal.SIGTERM)
        child.wait()
        return FAILED
    finally:
        os.close(reader)


def run_in_background(options: UpOptions, progress_fd: int) -> int:
    """Be that supervisor."""
    return _run(options, Progress(PipeListener(progress_fd)), None)


def _show_until_ready(reader: int, listener: Listener) -> bool:
    """Show what comes over the pipe; True at the message that all is ready, False at its end."""
    with os.fdopen(os.dup(reader)) as lines:
        for line in lines:
            message = parse_message(line)
            listener(message)
            if message.kind == "ready":
                return True
    return False


def _terminal_listener(console: Console) -> Listener:
    if console.is_terminal and not StackSettings().ci:
        return RichListener(console)
    return PlainListener(sys.stdout)


def _machine_suffices(home: Path, progress: Progress) -> bool:
    lacks = find_lacks(inspect_machine(home), home)
    for lack in lacks:
        progress.say(f"  FAIL  {lack.what}: {lack.fix}")
    return not lacks


def _run(
    options: UpOptions, progress: Progress, show_log: Callable[[str, str], None] | None
) -> int:
    log_file = Home(options.home).logs / "supervisor.log"
    _log_to(log_file)
    try:
        asyncio.run(_run_until_signal(options, progress, show_log))
    except HomeInUse as error:
        return _tell_in_use(options, progress, str(error))
    except StepFailed as error:
        progress.say(f"\n{error}\nThe end of {error.log}:")
        progress.say("\n".join(f"    {line}" for line in error.last_lines()))
        return FAILED
    except StackError as error:
        progress.say(f"\n{error}")
        return FAILED
    except Exception as error:
        log.exception("ended by what nobody expected")
        progress.say(f"\n{type(error).__name__}: {error}\nMore in {log_file}")
        return FAILED
    return OK


async def _run_until_signal(
    options: UpOptions, progress: Progress, show_log: Callable[[str, str], None] | None
) -> None:
    from headwater.supervisor.up import run_stack  # noqa: PLC0415 - slow, and by now something was shown

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    following = asyncio.create_task(follow(Home(options.home).logs, show_log)) if show_log else None
    try:
        await run_stack(options, progress, stop)
    finally:
        if following is not None:
            following.cancel()


def _tell_in_use(options: UpOptions, progress: Progress, reason: str) -> int:
    state = read_state(Home(options.home))
    if not state.ready:
        told = f"`{own_command()} status --home {options.home}`"
        progress.say(f"{reason}, and not ready: see {told}")
        return FAILED
    if options.port is not None and not state.console_url.endswith(f":{options.port}"):
        progress.say(
            f"It is running already, at {state.console_url}: to change the port, first "
            f"`{own_command()} down --home {options.home}`"
        )
        return FAILED
    progress.ready(f"It is running already.\n{ready_text(state)}")
    return OK


def _log_to(path: Path) -> None:
    """Send the supervisor's own log to its file; the terminal shows steps only."""
    make_private(path.parent)
    configure_logs("supervisor", "INFO")
    handler = logging.FileHandler(path)
    root = logging.getLogger()
    handler.setFormatter(root.handlers[0].formatter)
    root.handlers[:] = [handler]
