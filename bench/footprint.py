"""Memory of an idle installation, and how long it takes from stopped to ready."""

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from bench.figures import Figure
from headwater.home import Home

_SETTLE_S = 15


async def measure(home: Path, *, rounds: int) -> list[Figure]:
    """Start and stop `headwater up` as users do; the first start, which creates all, is apart."""
    first = await asyncio.to_thread(_command, home, "up", "--detach")
    try:
        starts = []
        for _ in range(rounds):
            await asyncio.to_thread(_command, home, "down")
            starts.append(await asyncio.to_thread(_command, home, "up", "--detach"))
        await asyncio.sleep(_SETTLE_S)
        parts = _memory_bytes(home)
    finally:
        await asyncio.to_thread(_command, home, "down")
    note = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in sorted(parts.items()))
    return [
        Figure(
            "memory",
            "all processes, idle (PSS)",
            sum(parts.values()) / 1e9,
            "GB",
            1.5,
            more_is_better=False,
            note=f"MB: {note}",
        ),
        Figure(
            "start",
            "stopped to ready",
            statistics.median(starts),
            "s",
            20,
            more_is_better=False,
            note=f"the first start of a home {first:.1f} s",
        ),
    ]


def _command(home: Path, *arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "headwater", *arguments, "--home", str(home)],
        check=True,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def _memory_bytes(home: Path) -> dict[str, int]:
    """Return the proportional set size by program: shared pages count once in the sum."""
    pid = Home(home).owner_pid()
    if pid is None:
        raise RuntimeError("the installation does not run")
    supervisor = psutil.Process(pid)
    sizes: dict[str, int] = {}
    for process in [supervisor, *supervisor.children(recursive=True)]:
        try:
            command = process.cmdline()
            name = next((part for part in command if part.startswith("services.")), process.name())
            sizes[name] = sizes.get(name, 0) + process.memory_full_info().pss
        except psutil.NoSuchProcess:  # a backend of PostgreSQL that ended meanwhile
            continue
    return sizes
