"""Taking a home down from outside."""

import asyncio
import os
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import IO

from headwater.home import Home, HomeInUse
from headwater.stack.errors import StackError
from headwater.stack.process import end_leftovers

DEADLINE = timedelta(seconds=90)


def take_down(path: Path) -> str:
    """Stop the home's supervisor, or what it left if it was killed; return what was done.

    Returns once everything has ended; raises StackError if it does not within the deadline.
    """
    home = Home(path)
    if not home.path.exists():
        return f"There is no installation in {path}"
    owner_pid = home.owner_pid()
    if owner_pid is not None:
        os.kill(owner_pid, signal.SIGTERM)
    with _wait_for(home):
        left = asyncio.run(end_leftovers(home.run))
    if left:
        return f"Ended what a killed supervisor had left in {path}: {', '.join(sorted(left))}"
    return f"Stopped {path}" if owner_pid is not None else f"Nothing runs in {path}"


def _wait_for(home: Home) -> IO[str]:
    """Own the home as soon as its supervisor has ended."""
    until = time.monotonic() + DEADLINE.total_seconds()
    while True:
        try:
            return home.lock()
        except HomeInUse:
            if time.monotonic() >= until:
                raise StackError(f"{home.path} did not stop within {DEADLINE}") from None
