"""Runs a command and ends whatever it leaves running: `contained.py MINUTES COMMAND...`.

On Linux processes that lose their parent come to us, also those in sessions of their own, so that
nothing of the command outlives it. Elsewhere `ps` tells who is below us, and what lost its parent
before the end is not found. Needs nothing but Python's own library.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SECONDS_TO_STOP = 20.0
TIMED_OUT = 124
"""What `timeout` of coreutils answers too."""


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> list[int]:
    """Return the processes below this one that still run."""
    children: dict[int, list[int]] = {}
    for pid, parent in by_proc() if Path("/proc/self/stat").exists() else by_ps():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    queue = [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def by_proc() -> Iterator[tuple[int, int]]:
    """Return each process that runs with its parent, as Linux tells them."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if after_name[0] != "Z":
            yield int(stat.parent.name), int(after_name[1])


def by_ps() -> Iterator[tuple[int, int]]:
    """Return the same where there is no /proc: on macOS."""
    asked = ["ps", "-A", "-o", "pid=,ppid=,state="]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as ps:  # noqa: S603 - ours
        told = ps.communicate()[0]
    return ((pid, parent) for pid, parent in read_ps(told) if pid != ps.pid)


def read_ps(told: str) -> Iterator[tuple[int, int]]:
    """Return process and parent of each line `pid ppid state` but those of the dead."""
    for pid, parent, state in (line.split() for line in told.splitlines()):
        if not state.startswith("Z"):
            yield int(pid), int(parent)


def end_descendants() -> int:
    """End what still runs, gently first; return how many processes there were."""
    left = descendants()
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + SECONDS_TO_STOP
        for pid in descendants():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        while descendants() and time.monotonic() < deadline:
            _reap()
            time.sleep(0.1)
    _reap()
    return len(left)


def run(command: list[str], minutes: float) -> int:
    """Run the command to its end, or to the end of its time, and return its exit code."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the caller's own
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: process.send_signal(received))
    try:
        return process.wait(timeout=minutes * 60)
    except subprocess.TimeoutExpired:
        print(f"not done within {minutes:g} minutes: stopped", file=sys.stderr)  # noqa: T201
        return TIMED_OUT


def main() -> int:
    """Run what the command line says."""
    adopt_orphans()
    code = run(sys.argv[2:], float(sys.argv[1]))
    left_count = end_descendants()
    if left_count:
        print(f"ended {left_count} processes that were left running", file=sys.stderr)  # noqa: T201
    return code if code >= 0 else 128 - code


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass  # there is no child left


if __name__ == "__main__":
    sys.exit(main())
