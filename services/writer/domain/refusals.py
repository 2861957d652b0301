"""When a row is at fault, and when so many are that the cause must be another."""

import re
from collections import deque
from dataclasses import dataclass, field

UNIQUE_VIOLATION = "23505"
CHECK_VIOLATION = "23514"
_PROGRAM_LIMIT = "54000"
_COPY_LINE = re.compile(r"^COPY \S+, line (\d+)", re.MULTILINE)

WINDOW_EVENTS = 1_000
MOST_REFUSED_SHARE = 0.05


def is_rows_fault(sqlstate: str) -> bool:
    """Tell whether Postgres refuses the row itself, so that trying again is in vain."""
    if sqlstate == UNIQUE_VIOLATION:
        return False
    return sqlstate[:2] in ("22", "23") or sqlstate == _PROGRAM_LIMIT


def refused_line(context: str | None, row_count: int) -> int | None:
    """Read from COPY's error context which row it stumbled over, counted from 0; a hint only.

    The context goes from the inside out: what was wrong within a JSON value, with a line number of
    its own and a piece of the value, stands before.
    """
    lines = _COPY_LINE.findall(context or "")
    if not lines:
        return None
    line = int(lines[-1]) - 1
    return line if 0 <= line < row_count else None


@dataclass
class RefusalWindow:
    """Counts the refused among a partition's last 1,000 events."""

    _pieces: deque[tuple[int, int]] = field(default_factory=deque)
    _events: int = 0
    _refused: int = 0

    def copy(self) -> "RefusalWindow":
        """Return a window that may be thrown away with its transaction."""
        return RefusalWindow(deque(self._pieces), self._events, self._refused)

    def add(self, event_count: int, refused_count: int) -> None:
        """Count a piece of the stream, in order; large pieces make the window longer."""
        self._pieces.append((event_count, refused_count))
        self._events += event_count
        self._refused += refused_count
        while self._events - self._pieces[0][0] >= WINDOW_EVENTS:
            events, refused = self._pieces.popleft()
            self._events -= events
            self._refused -= refused

    def would_trip(self, event_count: int, refused_count: int) -> bool:
        """Tell whether so many refused of one piece would be too many."""
        trial = self.copy()
        trial.add(event_count, refused_count)
        return trial.is_tripped

    @property
    def is_tripped(self) -> bool:
        """Tell whether too large a share was refused."""
        return self._refused > max(self._events, WINDOW_EVENTS) * MOST_REFUSED_SHARE
