"""The home: the folder that holds everything of one installation."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from headwater.stack.errors import StackError
from headwater.stack.folders import make_private
from headwater.stack.process import start_of

LOOK_SECONDS = 1.0


class HomeInUse(StackError):
    """Another supervisor owns the home."""


@dataclass(frozen=True)
class Home:
    """Where things lie in a home."""

    path: Path

    @property
    def run(self) -> Path:
        """Folder with a record per child process."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """Folder with a log per process."""
        return self.path / "logs"

    @property
    def state_file(self) -> Path:
        """What runs now, for `status` and programs."""
        return self.path / "state.json"

    @property
    def secrets_file(self) -> Path:
        """The login and keys that were made at the first start."""
        return self.path / "secrets.json"

    @property
    def installation_secret_file(self) -> Path:
        """The installation's secret; its loss turns repeated batches into conflicts."""
        return self.path / "installation.secret"

    @property
    def ports_file(self) -> Path:
        """Every port of the home, by name."""
        return self.path / "ports.json"

    def make(self) -> None:
        """Make the folder, for us only, where there is none."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def lock(self) -> IO[str]:
        """Own the home until the returned file is closed or the process ends.

        Waits a moment for those that only look; raises HomeInUse when somebody else owns it. A home
        that others could read, as those of before, is closed to them.
        """
        self.make()
        held = (self.path / "lock").open("a+")
        until = time.monotonic() + LOOK_SECONDS
        while not _try_lock(held):
            if time.monotonic() >= until:
                held.close()
                raise HomeInUse(f"{self.path} is in use by another `headwater up`")
            time.sleep(LOOK_SECONDS / 20)
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        # a folder that was there before, for whatever else, keeps its mode until it is a home
        if self.installation_secret_file.exists():
            make_private(self.path)
        for folder in (self.logs, self.run):
            make_private(folder)
        return held

    def is_held_by(self, held: IO[str]) -> bool:
        """Say whether a held lock is still this home's: not after the folder was deleted."""
        try:
            there = (self.path / "lock").stat()
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(held.fileno()))

    def owner_pid(self) -> int | None:
        """Return the pid of the supervisor that owns the home now, if there is one."""
        path = self.path / "lock"
        if not path.exists():
            return None
        with path.open("r") as looked_at:
            if _try_lock(looked_at):
                return None
            text = looked_at.read()
        return int(text) if text.isdigit() else None

    def ensure_installation_secret(self) -> Path:
        """Make the installation's secret at the first start."""
        if not self.installation_secret_file.exists():
            write_private(self.installation_secret_file, secrets.token_hex(32) + "\n")
        return self.installation_secret_file


@dataclass(frozen=True)
class ProcessState:
    """One process as `status` shows it."""

    pid: int | None
    ready: bool
    restarts: int


@dataclass(frozen=True)
class State:
    """What `status --json` shows: the supervisor keeps it current in the home."""

    home: str
    ready: bool = False
    console_url: str = ""
    ingest_url: str = ""
    ingest_key: str = field(default="", repr=False)
    sentry_dsn: str = field(default="", repr=False)
    """For Sentry's SDKs; it holds the ingest key."""
    otlp_endpoint: str = ""
    """Where OpenTelemetry's exporters send logs; the key goes beside it, as a header."""
    admin_email: str = ""
    admin_password: str = field(default="", repr=False)
    api_token: str = field(default="", repr=False)
    database_url: str = field(default="", repr=False)
    kafka_bootstrap: str = ""
    processes: Mapping[str, ProcessState] = field(default_factory=dict)


def write_state(home: Home, state: State) -> None:
    """Replace the state file; a reader sees the old or the new one, never a part."""
    write_private(home.state_file, json.dumps(asdict(state), indent=2) + "\n")


def read_state(home: Home) -> State:
    """Return what runs in a home now, whatever the last supervisor managed to write."""
    try:
        stored: dict[str, Any] = json.loads(home.state_file.read_text())
    except (FileNotFoundError, ValueError):
        return State(home=str(home.path))
    processes = {name: ProcessState(**process) for name, process in stored["processes"].items()}
    state = State(**{**stored, "processes": processes})
    if home.owner_pid() is not None:
        return state
    # Its supervisor is gone: nothing is watched, whatever may still run.
    left = {
        name: ProcessState(_alive(process.pid), ready=False, restarts=process.restarts)
        for name, process in processes.items()
    }
    return State(**{**stored, "ready": False, "processes": left})


def runs(home: Home, state: State) -> bool:
    """Say whether anything of the home runs: its supervisor, or what that one left."""
    alive = any(process.pid is not None for process in state.processes.values())
    return alive or home.owner_pid() is not None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    fresh.replace(path)


def _alive(pid: int | None) -> int | None:
    return pid if pid is not None and start_of(pid) is not None else None


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
