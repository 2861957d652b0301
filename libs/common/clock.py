"""The only place that reads the machine's clock; everything else is given a `Clock` or a `now`."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is: wall time for events, monotonic time for durations."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()


class SettableClock:
    """A clock for tests: stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds that the clock was moved forward."""
        return self._monotonic

    def move_to(self, now: datetime) -> None:
        """Set the wall clock, also backwards; monotonic time never goes back."""
        self._monotonic += max(0.0, (now - self._now).total_seconds())
        self._now = now
