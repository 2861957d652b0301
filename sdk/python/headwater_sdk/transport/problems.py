"""Tells the application of problems, never from inside of work that holds a lock."""

import contextlib
import threading
from collections import deque

from headwater_sdk.options import Problem, Settings


class Problems:
    """Keeps what `on_error` has to be told until somebody without locks tells it."""

    def __init__(self, settings: Settings) -> None:
        self._on_error = settings.on_error
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a forked child does."""
        self._untold: deque[Problem] = deque()
        self._telling = threading.Lock()

    def note(self, problem: Problem) -> None:
        """Take a problem; may be called with locks held."""
        if self._on_error is not None:
            self._untold.append(problem)

    def tell(self) -> None:
        """Tell what is not told yet, one at a time; the application may flush and close in it."""
        if self._on_error is None or not self._untold or not self._telling.acquire(blocking=False):
            return
        try:
            while self._untold:
                with contextlib.suppress(Exception, SystemExit):  # the application's own
                    self._on_error(self._untold.popleft())
        finally:
            self._telling.release()
