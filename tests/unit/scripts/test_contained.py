"""What a command leaves running is ended, whether it comes to its end or not."""

import subprocess
import sys
from pathlib import Path

import psutil

from scripts import contained
from tests.architecture.tree import ROOT

ENOUGH_MINUTES = "1"
TOO_FEW_MINUTES = "0.05"
LEAVES_ONE = 'sleep 300 & echo $! >"$1"'


def run(minutes: str, command: str, told: Path) -> int:
    """Run a shell command, which writes the pid of what it starts to `told`."""
    program = [sys.executable, str(ROOT / "scripts" / "contained.py"), minutes]
    done = subprocess.run([*program, "sh", "-c", command, "sh", str(told)], check=False)
    return done.returncode


def test_a_command_without_an_end_is_ended_with_all_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    assert run(TOO_FEW_MINUTES, f"{LEAVES_ONE}; wait", told) == contained.TIMED_OUT
    assert not psutil.pid_exists(int(told.read_text()))


def test_what_ps_tells_is_read_but_for_the_dead() -> None:
    told = "    1     0 Ss\n   71     1 S+\n   72    71 Z\n 4711    71 R\n"
    assert list(contained.read_ps(told)) == [(1, 0), (71, 1), (4711, 71)]


if sys.platform == "linux":  # elsewhere nobody adopts orphans

    def test_what_is_left_ends_with_the_command(tmp_path: Path) -> None:
        told = tmp_path / "pid"
        assert run(ENOUGH_MINUTES, f"{LEAVES_ONE}; exit 3", told) == 3
        assert not psutil.pid_exists(int(told.read_text()))
