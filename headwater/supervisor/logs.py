"""The log files of a home: kept small, and shown on the terminal when asked."""

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

ROTATE_BYTES = 20 * 1024 * 1024
KEPT_COUNT = 3
ROTATE_PERIOD = timedelta(seconds=10)
FOLLOW_PERIOD = timedelta(seconds=0.2)


async def keep_small(folder: Path, period: timedelta = ROTATE_PERIOD) -> None:
    """Rotate every log that has grown too large, for ever."""
    while True:
        await asyncio.sleep(period.total_seconds())
        with suppress(OSError):  # A full disk: the next look may find room.
            await asyncio.to_thread(rotate_large, folder)


def rotate_large(folder: Path, limit_bytes: int = ROTATE_BYTES) -> None:
    """Copy large logs away and empty them.

    The processes hold the files open and append to them, so they cannot be renamed. A line that
    is written between copy and emptying is lost.
    """
    for path in folder.glob("*.log"):
        if path.stat().st_size < limit_bytes:
            continue
        for number in range(KEPT_COUNT - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


async def follow(folder: Path, show: Callable[[str, str], None]) -> None:
    """Hand every new line of every log to `show(process, line)`, for ever."""
    positions = {path: path.stat().st_size for path in await asyncio.to_thread(_logs, folder)}
    while True:
        await asyncio.sleep(FOLLOW_PERIOD.total_seconds())
        for path in await asyncio.to_thread(_logs, folder):
            lines, positions[path] = await asyncio.to_thread(
                _new_lines, path, positions.get(path, 0)
            )
            for line in lines:
                show(path.stem, line)


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def _new_lines(path: Path, position: int) -> tuple[list[str], int]:
    with path.open("rb") as log:
        if log.seek(0, os.SEEK_END) < position:
            position = 0  # It was rotated.
        log.seek(position)
        text = log.read()
    whole = text[: text.rfind(b"\n") + 1]
    return whole.decode(errors="replace").splitlines(), position + len(whole)
