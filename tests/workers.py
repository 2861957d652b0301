"""Several test workers on one machine: long files first, own ports, common work done once."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

from headwater.stack import ports

LONG_FIRST = ("faults", "e2e", "integration/headwater", "integration", "contract", "property")
"""Folders of tests by how long their files take; the others' files take next to nothing."""
TESTS = Path(__file__).parent


def is_worker(config: pytest.Config) -> bool:
    """Say whether this process runs a share of the tests only."""
    return hasattr(config, "workerinput")


def put_long_files_first(items: list[pytest.Item]) -> None:
    """Order tests so that no worker is left with a long file at the end; else as they are."""
    items.sort(key=lambda item: _rank(item.path.relative_to(TESTS).as_posix()))


def _rank(path: str) -> int:
    places = (n for n, folder in enumerate(LONG_FIRST) if path.startswith(f"{folder}/"))
    return next(places, len(LONG_FIRST))


def use_own_ports(config: pytest.Config) -> None:
    """Keep to a share of the ports: between pick and use another worker would find them free."""
    if is_worker(config):
        worker: dict[str, object] = config.workerinput  # type: ignore[attr-defined]  # of xdist
        number, count = int(str(worker["workerid"])[2:]), int(str(worker["workercount"]))
        ports.PORT_RANGE = ports.PORT_RANGE[number % count :: count]


def once_a_run(config: pytest.Config, folder: Path, name: str, work: Callable[[], None]) -> None:
    """Do the work unless another worker of this run has; `folder` is pytest's for this process."""
    shared = folder.parent if is_worker(config) else folder
    done = shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            work()
            done.touch()
