"""Makes events of what was captured, and batches of events."""

import threading
from collections import deque
from collections.abc import Callable

from headwater_sdk.clock import Clock
from headwater_sdk.options import Settings
from headwater_sdk.record.dedupe import Dedupe
from headwater_sdk.record.events import EventMaker
from headwater_sdk.stats import Stats
from headwater_sdk.transport.batch import seal
from headwater_sdk.transport.intake import Captured, Intake
from headwater_sdk.transport.outbox import Outbox

_BATCH_BYTES = 1 << 20
_TAKE_COUNT = 100
_SHORTEST_WAIT_S = 0.001
_CLOSE_WITHIN_S = 0.1
SEVERE = frozenset({"ERROR", "CRITICAL"})


class Collector:
    """Closes a batch after so many events, after a time, at 1 MiB, and with every error."""

    def __init__(
        self, settings: Settings, stats: Stats, clock: Clock, intake: Intake, outbox: Outbox
    ) -> None:
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._intake = intake
        self._outbox = outbox
        self._maker = EventMaker(settings, stats)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a forked child does: what waited is the parent's."""
        self._lock = threading.Lock()
        window_s = self._settings.dedupe_within.total_seconds()
        self._dedupe = Dedupe(window_s, self._clock.monotonic)
        self._is_wanted = False
        """Somebody who flushes waits for the lock."""
        self._waiting: deque[Captured] = deque()
        self._events: list[bytes] = []
        self._bytes = 0
        self._at = 0.0
        self._due = 0.0
        self._is_severe = False

    def turn(self) -> float | None:
        """Work on what was captured; return in how many seconds there is more to do.

        Blocks for the writing of a file at the most; never raises for an event's fault.
        """
        if self._is_wanted:
            return _SHORTEST_WAIT_S
        with self._lock:
            wait_s = self._turn()
        self._outbox.problems.tell()
        return wait_s

    def _turn(self) -> float | None:
        if not self._take(lambda: self._is_wanted):
            return _SHORTEST_WAIT_S
        self._summarise(all_of_them=False)
        now = self._clock.monotonic()
        if self._events and (self._is_severe or now >= self._due):
            self._cut()
        waits = [self._due] if self._events else []
        if (end := self._dedupe.next_end()) is not None:
            waits.append(end)
        # Only for an open batch it comes back soon enough for whatever is captured next.
        if self._intake.await_more(comes_back=bool(self._events)) and not self._events:
            return 0.0
        return max(_SHORTEST_WAIT_S, min(waits) - now) if waits else None

    def finish(self, until: float | None = None) -> bool:
        """Close the open batch, with what is captured by now; tell whether that is all of it.

        Ends with the event that is at work when the monotonic clock shows `until`.
        """
        clock = self._clock.monotonic
        if not self._acquire(-1 if until is None else max(0.0, until - clock())):
            return False
        try:
            is_all = self._take(lambda: until is not None and clock() > until)
            if is_all:
                self._summarise(all_of_them=True)
            self._cut()
        finally:
            self._lock.release()
        self._outbox.problems.tell()
        return is_all

    def close(self) -> None:
        """Close the open batch; what is no event yet is lost and counted."""
        is_ours = self._acquire(_CLOSE_WITHIN_S)
        try:
            lost = self._intake.take(self._intake.count())
            self._stats.drop("queued", "closed", len(lost))
            if is_ours:
                self._stats.drop("queued", "closed", len(self._waiting))
                self._waiting.clear()
                self._summarise(all_of_them=True)
                self._cut()
        finally:
            if is_ours:
                self._lock.release()

    def _acquire(self, within_s: float) -> bool:
        self._is_wanted = True
        try:
            return self._lock.acquire(timeout=within_s)
        finally:
            self._is_wanted = False

    def _take(self, is_over: Callable[[], bool]) -> bool:
        """Work on what is captured by now; tell whether that is done, for it ends when it is over.

        It works on one event in any case.
        """
        count = len(self._waiting) + self._intake.count()
        for number in range(count):
            if number and is_over():
                return False
            if not self._waiting:
                self._waiting += self._intake.take(_TAKE_COUNT)
            if not self._waiting:
                break  # another took them: at the fork of a process
            self._add(self._waiting.popleft())
        return True

    def _add(self, item: Captured) -> None:
        self._summarise(all_of_them=False)  # a window that is over takes no more
        try:
            repeat = self._dedupe.repeat(item.content, item.at)
            if repeat > 1:
                self._stats.fold()
            if repeat:
                return  # the first of them waits, for the summary that stands for all
            event = self._maker.make(item.content, item.at)
            if event is None:
                self._stats.drop("queued", "before_send", 1)
                return
            data = self._maker.write(event)
            self._dedupe.open(item.content, event, item.at)
        except Exception:  # one event that cannot be made costs no other
            self._stats.drop("queued", "internal", 1)
            return
        self._put(data, item.at, event.get("level") in SEVERE)

    def _summarise(self, *, all_of_them: bool) -> None:
        for event, count, first_at, last_at in self._dedupe.ended(all_of_them=all_of_them):
            summary = self._maker.summary(event, count, first_at, last_at)
            self._put(self._maker.write(summary), last_at, summary.get("level") in SEVERE)

    def _put(self, data: bytes, at: float, is_severe: bool) -> None:
        if self._events and self._bytes + len(data) > _BATCH_BYTES:
            self._cut()
        if not self._events:
            self._at = at
            self._due = self._clock.monotonic() + self._settings.flush_after.total_seconds()
        self._events.append(data)
        self._bytes += len(data)
        self._is_severe = self._is_severe or is_severe
        if len(self._events) >= self._settings.batch_size:
            self._cut()

    def _cut(self) -> None:
        if not self._events:
            return
        report = self._stats.take_report()
        batch = seal(self._events, self._at, self._settings, report, severe=self._is_severe)
        self._events, self._bytes, self._is_severe = [], 0, False
        self._outbox.add(batch)
