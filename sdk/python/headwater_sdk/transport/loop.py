"""A daemon thread that works in turns, woken by news or by time."""

import threading
from collections.abc import Callable

from headwater_sdk.guard import guard

_AFTER_FAILURE_S = 1.0


class Loop:
    """Calls `turn` again and again; `turn` says in how many seconds, None: only for news."""

    def __init__(
        self,
        name: str,
        news: threading.Event,
        turn: Callable[[], float | None],
        died: Callable[[], None],
    ) -> None:
        self._news = news
        self._turn = turn
        self._died = died
        self._is_over = False
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; where the interpreter takes no more it has died at once."""
        try:
            self._thread.start()
        except RuntimeError:
            self._died()

    @property
    def is_alive(self) -> bool:
        """Say whether the thread runs, and does not just die."""
        return self._thread.is_alive() and not self._has_ended

    @property
    def is_current(self) -> bool:
        """Say whether the caller is this thread."""
        return threading.current_thread() is self._thread

    def stop(self, within_s: float) -> bool:
        """End after the turn that runs; tell whether it did in that time."""
        self._is_over = True
        self._news.set()
        if self._thread.is_alive() and not self.is_current:
            self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with guard:
                self._turn_until_over()
        finally:
            self._has_ended = True
            if not self._is_over:
                self._died()

    def _turn_until_over(self) -> None:
        wait_s: float | None = 0.0
        while not self._is_over:
            if wait_s != 0.0:
                self._news.wait(wait_s)
            self._news.clear()
            if self._is_over:
                break
            try:
                wait_s = self._turn()
            except Exception:  # ours to blame: the application goes on, and so do we
                wait_s = _AFTER_FAILURE_S
