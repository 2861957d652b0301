"""The failpoint setting is checked at start, and silent unless set."""

import signal
import subprocess
import sys

import pytest

from services.writer.store.failpoints import STEPS, Failpoint


@pytest.mark.parametrize("text", ["before_commit", "before:kill", "after_commit:x", "a:kill:b"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HEADWATER_WRITER_FAILPOINT"):
        Failpoint(text)


def end_of(text: str, *reached: str) -> tuple[int, list[str]]:
    """Run a process that reaches these steps; return how it ended and which it passed."""
    code = (
        "import sys; from services.writer.store.failpoints import Failpoint\n"
        "point = Failpoint(sys.argv[1])\n"
        "for step in sys.argv[2:]: point.reach(step); print(step, flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, text, *reached], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.split()


def test_unset_does_nothing() -> None:
    assert end_of("", *STEPS) == (0, list(STEPS))


def test_only_its_own_step_counts() -> None:
    passed = ["after_commit", "before_commit", "after_claim"]
    assert end_of("before_commit:kill:2", *passed) == (0, passed)
    ended = end_of("before_commit:kill:2", *passed, "before_commit", "after_commit")
    assert ended == (-signal.SIGKILL, passed)
