"""Tells the application of problems, never from inside of work that holds a lock."""

import contextlib
import sys
import threading
from collections import deque
from urllib.parse import urlsplit

from headwater_sdk.options import Problem, Settings

_WRONG_SETUP = frozenset({"unauthorized", "unexpected"})


class Problems:
    """Keeps what `on_error` has to be told until somebody without locks tells it.

    Where there is no `on_error`, one line on standard error says that address or key are wrong: an
    application that was set up wrongly would send nothing for ever, and nobody would know.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._on_error = settings.on_error or self._say
        self._is_said = False
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a forked child does."""
        self._untold: deque[Problem] = deque()
        self._telling = threading.Lock()

    def note(self, problem: Problem) -> None:
        """Take a problem; may be called with locks held."""
        self._untold.append(problem)

    def tell(self) -> None:
        """Tell what is not told yet, one at a time; the application may flush and close in it."""
        if not self._untold or not self._telling.acquire(blocking=False):
            return
        try:
            while self._untold:
                with contextlib.suppress(Exception, SystemExit):  # the application's own
                    self._on_error(self._untold.popleft())
        finally:
            self._telling.release()

    def _say(self, problem: Problem) -> None:
        if self._is_said or problem.reason not in _WRONG_SETUP:
            return
        self._is_said = True
        address = urlsplit(self._settings.url)
        host = address.netloc.rpartition("@")[2]  # without a password, and without a query's key
        sys.stderr.write(
            f"headwater_sdk: {address.scheme}://{host}{address.path} answered {problem.status}: "
            "check the address and the key, no event is taken\n"
        )
