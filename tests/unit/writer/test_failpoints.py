"""The failpoint setting is checked at start, and silent unless set."""

import pytest

from services.writer.store.failpoints import STEPS, Failpoint


@pytest.mark.parametrize("text", ["before_commit", "before:kill", "after_commit:x", "a:kill:b"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HEADWATER_WRITER_FAILPOINT"):
        Failpoint(text)


def test_unset_does_nothing() -> None:
    unset = Failpoint("")
    for step in STEPS:
        unset.reach(step)


def test_only_its_own_step_counts() -> None:
    later = Failpoint("before_commit:kill:2")
    later.reach("after_commit")
    later.reach("before_commit")
    later.reach("after_claim")
