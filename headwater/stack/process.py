"""Child processes that outlive neither their home nor a crash of the one that started them.

Each child leaves a record in the home's run folder: pid, start time and command line. Whoever
comes next ends exactly these processes, never another one that got the same pid since.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

MARK = "HEADWATER_RUN_FOLDER"
"""Environment variable of every child: finds those that died between fork and record."""

POLL_SECONDS = 0.02
STOP_DEADLINE = timedelta(seconds=15)


@dataclass(frozen=True)
class Command:
    """How a child is started."""

    argv: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    owner: tuple[int, int] | None = None
    """User and group id to run as; None keeps ours."""
    inherited_fds: tuple[int, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    is_server: bool = False
    """Others depend on it: as a leftover it is ended after them."""


class Child:
    """One process: started, watched and ended. Independent of any event loop."""

    def __init__(self, name: str, run_folder: Path) -> None:
        self.name = name
        self.run_folder = run_folder
        self._record = run_folder / f"{name}.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._stop_signal = signal.SIGTERM

    @property
    def pid(self) -> int | None:
        """Return the pid while the process runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    @property
    def is_running(self) -> bool:
        """Say whether the process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return how the last run ended; None while it runs or before the first."""
        return self._process.poll() if self._process is not None else None

    def start(self, command: Command) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches only us."""
        command.log.parent.mkdir(parents=True, exist_ok=True)
        self.run_folder.mkdir(parents=True, exist_ok=True)
        user, group = command.owner or (None, None)
        with command.log.open("ab") as log:
            self._process = subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**command.environment, MARK: str(self.run_folder)},
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                pass_fds=command.inherited_fds,
                start_new_session=True,
            )
        self._stop_signal = command.stop_signal
        self._write_record(command)

    def _write_record(self, command: Command) -> None:
        assert self._process is not None  # noqa: S101 - called by start only
        record = {
            "pid": self._process.pid,
            "started": start_of(self._process.pid),
            "argv": list(command.argv),
            "stop_signal": int(command.stop_signal),
            "is_server": command.is_server,
        }
        fresh = self._record.with_suffix(".new")
        fresh.write_text(json.dumps(record))
        fresh.replace(self._record)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it is there."""
        if self._process is not None:
            self._process.send_signal(number)

    async def wait(self, deadline: timedelta) -> bool:
        """Wait for the end of the process; False if it is still there after the deadline."""
        until = time.monotonic() + deadline.total_seconds()
        while self.is_running:
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(POLL_SECONDS)
        self._record.unlink(missing_ok=True)
        return True

    async def stop(self, deadline: timedelta = STOP_DEADLINE) -> bool:
        """Ask the process to end, and kill it after the deadline; True if it ended by itself."""
        self.send_signal(self._stop_signal)
        self.thaw()
        if await self.wait(deadline):
            return True
        await self.kill()
        return False

    async def kill(self) -> None:
        """End the process with SIGKILL and wait until its pid is gone."""
        self.send_signal(signal.SIGKILL)
        await self.wait(timedelta(seconds=30))

    def freeze(self) -> None:
        """Stop the process with SIGSTOP: it holds its connections and answers nothing."""
        self.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self.send_signal(signal.SIGCONT)


def start_of(pid: int) -> str | None:
    """Return a text that no other process with this pid has; None if there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _ask_ps("lstart", pid) or None
    try:
        # The command's name is in parentheses and may hold any character.
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, start_ticks = fields[0], fields[19]
    return None if state in "ZX" else start_ticks


@dataclass(frozen=True)
class Leftover:
    """A process that an earlier owner of the run folder started and did not end."""

    name: str
    pid: int
    started: str
    stop_signal: signal.Signals
    is_server: bool = False

    @property
    def is_running(self) -> bool:
        """Say whether it is still that very process."""
        return start_of(self.pid) == self.started


def find_leftovers(run_folder: Path) -> list[Leftover]:
    """Return the processes that are still there of those that the run folder tells of."""
    found = {leftover.pid: leftover for leftover in _marked(run_folder)}
    found.update({leftover.pid: leftover for leftover in _recorded(run_folder)})
    # A server ends its own workers; signals meant for servers would make them fail.
    return [leftover for leftover in found.values() if _parent_of(leftover.pid) not in found]


async def end_leftovers(run_folder: Path, deadline: timedelta = STOP_DEADLINE) -> list[str]:
    """End what an earlier owner left, wait until it is gone, and return the names."""
    leftovers = find_leftovers(run_folder)
    await _end([leftover for leftover in leftovers if not leftover.is_server], deadline)
    await _end([leftover for leftover in leftovers if leftover.is_server], deadline)
    _forget_records(run_folder)
    return [leftover.name for leftover in leftovers]


async def _end(leftovers: Sequence[Leftover], deadline: timedelta) -> None:
    for leftover in leftovers:
        _send(leftover, leftover.stop_signal)
        _send(leftover, signal.SIGCONT)
    until = time.monotonic() + deadline.total_seconds()
    while alive := [leftover for leftover in leftovers if leftover.is_running]:
        if time.monotonic() >= until:
            for leftover in alive:
                _send(leftover, signal.SIGKILL)
        await asyncio.sleep(POLL_SECONDS)


def _forget_records(run_folder: Path) -> None:
    for record in run_folder.glob("*.json"):
        record.unlink(missing_ok=True)


def _send(leftover: Leftover, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if leftover.is_running:
            os.kill(leftover.pid, number)


def _recorded(run_folder: Path) -> Iterator[Leftover]:
    for path in sorted(run_folder.glob("*.json")):
        try:
            record = json.loads(path.read_text())
            leftover = Leftover(
                path.stem,
                int(record["pid"]),
                str(record["started"]),
                signal.Signals(record["stop_signal"]),
                bool(record["is_server"]),
            )
        except (ValueError, KeyError):
            continue  # Half a record of a machine that lost power: the mark finds the process.
        if leftover.is_running and _command_line_of(leftover.pid) == " ".join(record["argv"]):
            yield leftover


def _marked(run_folder: Path) -> Iterator[Leftover]:
    mark = f"{MARK}={run_folder}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            marked = mark in environment.read_bytes().split(b"\0")
        except OSError:
            continue  # Ended meanwhile, or another user's.
        pid = int(environment.parent.name)
        started = start_of(pid)
        if marked and started is not None and pid != os.getpid():
            yield Leftover("unrecorded", pid, started, signal.SIGTERM)


def _command_line_of(pid: int) -> str:
    shown = Path(f"/proc/{pid}/cmdline")
    if shown.exists():
        return shown.read_bytes().decode(errors="replace").rstrip("\0").replace("\0", " ")
    return _ask_ps("command", pid)


def _parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _ask_ps(column: str, pid: int) -> str:
    shown = subprocess.run(
        ["ps", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()
