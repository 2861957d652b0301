"""What the machine must have before anything is started: each lack with its one-line fix."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

GIGABYTE = 1024**3
FREE_DISK_MIN_BYTES = 2 * GIGABYTE
MEMORY_MIN_BYTES = 3 * GIGABYTE // 2
PYTHON_MIN = (3, 11)


@dataclass(frozen=True)
class Lack:
    """Something that the machine has not."""

    what: str
    fix: str


@dataclass(frozen=True)
class Machine:
    """What matters of the machine."""

    python: tuple[int, int]
    free_disk_bytes: int
    memory_bytes: int
    home_is_writable: bool


def inspect_machine(home: Path) -> Machine:
    """Look at the machine from where the home is or will be."""
    there = next(folder for folder in (home, *home.resolve().parents) if folder.exists())
    return Machine(
        python=(sys.version_info.major, sys.version_info.minor),
        free_disk_bytes=shutil.disk_usage(there).free,
        memory_bytes=_available_memory_bytes(),
        home_is_writable=there.is_dir() and os.access(there, os.W_OK | os.X_OK),
    )


def find_lacks(machine: Machine, home: Path) -> list[Lack]:
    """Return everything that would keep the local stack from running."""
    lacks = []
    if machine.python < PYTHON_MIN:
        shown = ".".join(map(str, machine.python))
        lacks.append(Lack(f"Python {shown}, needed is 3.11", "run with python3.11 or newer"))
    if machine.free_disk_bytes < FREE_DISK_MIN_BYTES:
        free = machine.free_disk_bytes / GIGABYTE
        lacks.append(
            Lack(
                f"{free:.1f} GB of disk free, needed are 2", "free some, or --home on another disk"
            )
        )
    if machine.memory_bytes < MEMORY_MIN_BYTES:
        free = machine.memory_bytes / GIGABYTE
        lacks.append(Lack(f"{free:.1f} GB of memory free, needed are 1.5", "end other programs"))
    if not machine.home_is_writable:
        lacks.append(Lack(f"{home} cannot be written", "choose a folder of yours with --home"))
    return lacks


def _available_memory_bytes() -> int:
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
