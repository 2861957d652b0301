"""Time limits for every request: coarse, and a fraction of the cost of a timer for each."""

import asyncio
from collections import deque
from datetime import timedelta
from types import TracebackType

_TICK = timedelta(milliseconds=50)


class TimeLimit:
    """Ends what takes longer than one fixed time, within a tick: `with limit.watch(): await …`.

    All uses share one timer: they end in the order in which they began. `asyncio.timeout` makes
    and takes back a timer each time, which was a tenth of the gateway's work on a small batch.
    """

    def __init__(self, time: timedelta) -> None:
        self._seconds = time.total_seconds()
        self._watches: deque[_Watch] = deque()
        self._ticks_in: asyncio.AbstractEventLoop | None = None

    def watch(self) -> "_Watch":
        """Return a context that raises TimeoutError in its task when the time is over."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task to end")
        loop = asyncio.get_running_loop()
        watch = _Watch(task, loop.time() + self._seconds)
        self._watches.append(watch)
        if self._ticks_in is not loop:
            self._ticks_in = loop
            loop.call_later(_TICK.total_seconds(), self._tick, loop)
        return watch

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        watches, now = self._watches, loop.time()
        while watches and (watches[0].is_over or watches[0].due_at <= now):
            watches.popleft().expire()
        if watches:
            loop.call_later(_TICK.total_seconds(), self._tick, loop)
        else:
            self._ticks_in = None


class _Watch:
    __slots__ = ("_cancelling", "_has_expired", "_task", "due_at")

    def __init__(self, task: "asyncio.Task[object]", due_at: float) -> None:
        self._task: asyncio.Task[object] | None = task
        self._cancelling = task.cancelling()
        self._has_expired = False
        self.due_at = due_at

    @property
    def is_over(self) -> bool:
        return self._task is None

    def expire(self) -> None:
        if self._task is not None:
            self._has_expired = True
            self._task.cancel()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None  # it may wait behind a slower one for long
        # a cancellation that came from outside at the same time goes on as what it is
        if (
            self._has_expired
            and task is not None
            and task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from error
