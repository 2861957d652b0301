"""Places where a fault test may end or freeze the process, by `HEADWATER_WRITER_FAILPOINT`."""

import os
import signal

STORING_STEPS = ("after_claim", "before_commit", "after_commit")
SEALING_STEPS = ("seal_built", "seal_sealed")
MERGING_STEPS = (
    "merge_created",
    "merge_copied",
    "merge_indexed",
    "merge_settled",
    "merge_swapping",
    "merge_swapped",
    "merge_dropped",
)
STEPS = (*STORING_STEPS, *SEALING_STEPS, *MERGING_STEPS)
_SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}


class Failpoint:
    """One place: `step:kill` or `step:freeze`, with `:n` at the n-th time that it is reached."""

    def __init__(self, text: str) -> None:
        step, _, rest = text.partition(":")
        action, _, times = rest.partition(":")
        if text and (step not in STEPS or action not in _SIGNALS or not (times or "1").isdigit()):
            raise ValueError(f"HEADWATER_WRITER_FAILPOINT: {text!r} is no step:action[:times]")
        self._step = step
        self._signal = _SIGNALS.get(action)
        self._left = int(times or "1")

    def reach(self, step: str) -> None:
        """Do to our own process what is set for this step."""
        if self._signal is None or step != self._step:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)
