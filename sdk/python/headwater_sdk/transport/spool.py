"""A folder in which batches wait for the gateway, over outages and crashes of the process.

`<folder>/<process>/<time>.<id>.<count>.<1 with an error>.json` is the body of one batch, byte for
byte. A process holds the lock of its own sub-folder while it lives; whoever gets the lock of a
sub-folder sends what its dead owner left, one process at a time.
"""

import contextlib
import os
import re
from pathlib import Path

from headwater_sdk.clock import Clock
from headwater_sdk.record.ids import uuid7
from headwater_sdk.transport.batch import Batch

try:
    import fcntl
except ImportError:  # not on Windows: there is no spool, batches wait in memory
    fcntl = None  # type: ignore[assignment]

_LOCK = "lock"
_NEW = ".new-"
_NAME = re.compile(r"([0-9]{13})\.([0-9a-f-]{36})\.([0-9]{1,6})\.([01])\.json")
_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_ABANDONED_S = 60.0


class Spool:
    """The part of the folder that this process owns, and what it took over; not thread-safe."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._own: Path | None = None
        self._locks: dict[Path, int] = {}

    def save(self, batch: Batch) -> Path:
        """Write a batch, whole or not at all, and return where; raises OSError.

        It is in the page cache then: it outlives the process, not the machine.
        """
        if batch.body is None:
            raise OSError("a batch without its bytes")
        name = f"{int(batch.at * 1000):013d}.{batch.id}.{batch.count}.{batch.is_severe:d}.json"
        try:
            return self._write(self._open(), name, batch.body)
        except FileNotFoundError:  # somebody cleared the folder away, lock and all
            self._lose_own()
            return self._write(self._open(), name, batch.body)

    def _write(self, own: Path, name: str, body: bytes) -> Path:
        passing, path = own / f"{name}.part", own / name
        descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
            passing.rename(path)
        except OSError:
            with contextlib.suppress(OSError):
                passing.unlink()
            raise
        return path

    def read(self, batch: Batch) -> bytes | None:
        """Return the bytes of a stored batch; None where they are gone or damaged."""
        if batch.path is None:
            return batch.body
        try:
            body = batch.path.read_bytes()
        except OSError:
            return None
        begins = body.startswith(f'{{"batch_id":"{batch.id}"'.encode())
        return body if begins and body.endswith(b"]}") else None

    def remove(self, path: Path) -> None:
        """Remove a batch that was answered or dropped."""
        with contextlib.suppress(OSError):
            path.unlink()

    def adopt(self) -> list[Batch]:
        """Return what dead processes left, oldest first; theirs is locked until `release`."""
        found: list[Batch] = []
        for owner in sorted(self._owners()):
            if owner in self._locks:
                continue
            if owner.name.startswith(_NEW) and not self._is_old(owner):
                continue  # being made this moment
            lock = _try_lock(owner / _LOCK)
            if lock is None:
                continue
            self._locks[owner] = lock
            batches = [_batch_at(path) for path in sorted(_files(owner))]
            found += [batch for batch in batches if batch is not None]
        return found

    def release(self) -> None:
        """Give back the sub-folders that are empty by now."""
        for owner in [owner for owner in self._locks if owner != self._own]:
            if not any(_batch_at(path) for path in _files(owner)):
                self._clear(owner)

    def close(self) -> None:
        """Let go of everything; what is not sent waits for the next process."""
        for owner in list(self._locks):
            if any(_batch_at(path) for path in _files(owner)):
                os.close(self._locks.pop(owner))
            else:
                self._clear(owner)
        self._own = None

    def forget(self) -> None:
        """Forget the parent's sub-folders, as a forked child does; the parent keeps its locks."""
        for lock in self._locks.values():
            os.close(lock)  # closing lets go only where no other process has it open
        self._locks.clear()
        self._own = None

    def _open(self) -> Path:
        if self._own is None:
            name = uuid7(int(self._clock.now() * 1000))
            new, own = self._folder / f"{_NEW}{name}", self._folder / name
            if fcntl is None:
                raise OSError("no locks on this system")
            new.mkdir(_PRIVATE_FOLDER, parents=True)
            lock = _try_lock(new / _LOCK)
            if lock is None:  # a file system without locks
                _remove_folder(new)
                raise OSError("a new folder cannot be locked")
            new.rename(own)  # only now others see it, and its lock is held
            self._locks[own] = lock
            self._own = own
        return self._own

    def _lose_own(self) -> None:
        if self._own is not None and (lock := self._locks.pop(self._own, None)) is not None:
            os.close(lock)
        self._own = None

    def _owners(self) -> list[Path]:
        try:
            return [path for path in self._folder.iterdir() if path.is_dir()]
        except OSError:
            return []

    def _is_old(self, path: Path) -> bool:
        try:
            return self._clock.now() - path.stat().st_mtime > _ABANDONED_S
        except OSError:
            return False

    def _clear(self, owner: Path) -> None:
        lock = self._locks.pop(owner)
        _remove_folder(owner)
        os.close(lock)


def _try_lock(path: Path) -> int | None:
    """Return the open, locked file; None where another process has it."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_folder(owner: Path) -> None:
    with contextlib.suppress(OSError):
        for path in _files(owner):
            path.unlink()  # parts of what was never whole
        (owner / _LOCK).unlink()
        owner.rmdir()


def _files(owner: Path) -> list[Path]:
    try:
        return [path for path in owner.iterdir() if path.name != _LOCK]
    except OSError:
        return []


def _batch_at(path: Path) -> Batch | None:
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    try:
        size = path.stat().st_size
    except OSError:
        return None
    at, batch_id, count, severe = match.groups()
    return Batch(
        batch_id, int(at) / 1000, int(count), severe == "1", size, None, path, is_foreign=True
    )
