"""What can go wrong with the local stack.

StackError
└── StepFailed    a process did not come up; names its log
"""

from pathlib import Path

TAIL_LINE_COUNT = 20


class StackError(Exception):
    """The local stack cannot go on; the message says what to do about it."""


class StepFailed(StackError):
    """A process did not come up. Its log tells why."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(message)
        self.log = log

    def last_lines(self) -> list[str]:
        """Return the end of the log, or nothing where there is none."""
        if not self.log.exists():
            return []
        return self.log.read_text(errors="replace").splitlines()[-TAIL_LINE_COUNT:]
