"""The only place that reads the machine's clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is: wall time for events, monotonic time for durations; both in seconds."""

    def now(self) -> float:
        """Return the seconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Return the seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()
