"""Child processes, and what is left of them when their owner was killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from headwater.stack.process import Child, Command, end_leftovers, find_leftovers, start_of

SLEEP = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(60)",
)


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[Child]:
    made = Child("sleeper", tmp_path / "run")
    yield made
    await made.kill()


def start(child: Child, argv: tuple[str, ...]) -> int:
    """Start, wait until the program has set its signals, and return the pid."""
    log = child.run_folder.parent / "sleeper.log"
    log.unlink(missing_ok=True)
    child.start(Command(argv, log, dict(os.environ)))
    while not log.read_bytes():
        assert child.is_running
    pid = child.pid
    assert pid is not None
    return pid


async def test_stop_ends_the_process_and_forgets_it(child: Child) -> None:
    pid = start(child, SLEEP)
    assert await child.stop()
    assert (child.pid, child.is_running, child.exit_code) == (None, False, -signal.SIGTERM)
    assert start_of(pid) is None
    assert list(child.run_folder.iterdir()) == []


async def test_what_does_not_stop_is_killed(child: Child) -> None:
    start(child, STUBBORN)
    assert not await child.stop(timedelta(seconds=0.1))
    assert child.exit_code == -signal.SIGKILL


async def test_a_frozen_process_can_be_stopped(child: Child) -> None:
    start(child, SLEEP)
    child.freeze()
    assert child.is_running
    assert await child.stop()


async def test_a_process_is_not_reached_by_our_terminals_signals(child: Child) -> None:
    pid = start(child, SLEEP)
    assert os.getpgid(pid) == pid != os.getpgid(0)


# A supervisor that starts two children and is killed; with `forgets`, before it could record them.
OWNER = """
import os, signal, sys
from pathlib import Path
from headwater.stack.process import Child, Command
folder, forgets = Path(sys.argv[1]), sys.argv[2] == "forgets"
pids = []
for name in ("writer", "kafka"):
    child = Child(name, folder / "run")
    argv = (sys.executable, "-c", "import time; time.sleep(60)")
    child.start(Command(argv, folder / "log", dict(os.environ), is_server=name == "kafka"))
    pids.append(str(child.pid))
if forgets:
    for record in (folder / "run").glob("*.json"):
        record.unlink()
print(*pids, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("memory", ["remembers", "forgets"])
async def test_leftovers_of_a_killed_owner_are_ended(tmp_path: Path, memory: str) -> None:
    owner = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", OWNER, str(tmp_path), memory],
        capture_output=True,
        text=True,
        check=False,
    )
    assert owner.returncode == -signal.SIGKILL
    pids = {int(pid) for pid in owner.stdout.split()}
    run_folder = tmp_path / "run"
    assert {leftover.pid for leftover in find_leftovers(run_folder)} == pids
    names = await end_leftovers(run_folder)
    assert sorted(names) == (
        ["kafka", "writer"] if memory == "remembers" else ["unrecorded", "unrecorded"]
    )
    assert [start_of(pid) for pid in pids] == [None, None]
    assert list(run_folder.iterdir()) == []
    assert await end_leftovers(run_folder) == []


async def test_another_process_with_the_pid_of_a_record_is_left_alone(
    child: Child, tmp_path: Path
) -> None:
    pid = start(child, SLEEP)
    other = tmp_path / "other"
    other.mkdir()
    record = (child.run_folder / "sleeper.json").read_text()
    (other / "a.json").write_text(record.replace('"started": "', '"started": "9'))
    (other / "b.json").write_text(record.replace("time.sleep", "time.leap"))
    (other / "c.json").write_text('{"pid": ')
    assert await end_leftovers(other) == []
    assert child.pid == pid
    await child.stop()
