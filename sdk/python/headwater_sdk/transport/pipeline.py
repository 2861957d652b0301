"""Joins queue, collector, outbox and sender, and runs them on two threads of their own.

Two, for an attempt may wait ten seconds for its answer, and what is captured meanwhile has to
reach the spool.
"""

import threading

from headwater_sdk.clock import Clock
from headwater_sdk.guard import guard, quieten_client
from headwater_sdk.options import Settings
from headwater_sdk.stats import Stats
from headwater_sdk.transport.collector import SEVERE, Collector
from headwater_sdk.transport.intake import Captured, Intake
from headwater_sdk.transport.loop import Loop
from headwater_sdk.transport.outbox import Outbox
from headwater_sdk.transport.post import Post
from headwater_sdk.transport.problems import Problems
from headwater_sdk.transport.sender import Sender
from headwater_sdk.transport.spool import Spool

_POLL_S = 0.01
_START_AGAIN_S = 1.0
_LONGEST_S = 86_400.0
_SHORTEST_ATTEMPT_S = 0.1
_SENDING_SHARE = 0.25
"""Of the time that a flush has left: kept for sending what it makes of the queue."""


class Pipeline:
    """From captured to answered."""

    def __init__(self, settings: Settings, stats: Stats, clock: Clock, post: Post) -> None:
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._post = post
        spool = Spool(settings.spool, clock) if settings.spool is not None else None
        self._intake = Intake(settings, stats)
        self._outbox = Outbox(settings, stats, spool, Problems(settings))
        self.collector = Collector(settings, stats, clock, self._intake, self._outbox)
        self.sender = Sender(settings, stats, clock, self._outbox, post)
        self._begin()

    def _begin(self) -> None:
        self._collecting: Loop | None = None
        self._sending: Loop | None = None
        self._is_running = False
        self._start_at = 0.0
        self._flushing: set[int] = set()
        self._is_closing = False

    def put(self, item: Captured) -> None:
        """Take what was captured; never waits."""
        self._intake.put(item, item.content.get("level") in SEVERE)

    def start(self) -> None:
        """Start the threads, where they do not run; again where one died, once in a second."""
        if self._is_running:
            return
        with self._stats.lock:
            now = self._clock.monotonic()
            if self._is_running or now < self._start_at:
                return
            self._is_running, self._start_at = True, now + _START_AGAIN_S
            begun = []
            if self._collecting is None or not self._collecting.is_alive:
                news, turn = self._intake.news, self.collector.turn
                self._collecting = Loop("headwater-collector", news, turn, self._died)
                begun.append(self._collecting)
            if self._sending is None or not self._sending.is_alive:
                news, turn = self._outbox.news, self.sender.turn
                self._sending = Loop("headwater-sender", news, turn, self._died)
                begun.append(self._sending)
        quieten_client()
        for loop in begun:
            # At the end of the interpreter none starts any more: `flush` does the work then.
            loop.start()

    def _died(self) -> None:
        self._is_running = False

    def flush(self, within_s: float) -> bool:
        """Send what is captured; tell whether all was sent in that time."""
        until = self._clock.monotonic() + min(max(0.0, within_s), _LONGEST_S)
        caller = threading.get_ident()
        if caller in self._flushing:
            return self._watch(until)
        self._flushing.add(caller)
        try:
            with guard:
                return self._flush(until)
        finally:
            self._flushing.discard(caller)
            if self._is_closing:
                self._end()

    def _flush(self, until: float) -> bool:
        self.sender.hurry()
        is_made = self._make(until)
        is_first = True
        while True:
            is_sent = not self._outbox.own_count()
            left_s = until - self._clock.monotonic()
            if is_sent and (is_made or left_s <= 0):
                return is_made
            if not is_sent:
                if self.sender.is_patient_beyond(until) or (left_s <= 0 and not is_first):
                    return False
                self._send(left_s)
                is_first = False
            if left_s > 0:
                is_made = self._make(until)

    def _make(self, until: float) -> bool:
        now = self._clock.monotonic()
        return self.collector.finish(until - (until - now) * _SENDING_SHARE)

    def _send(self, left_s: float) -> None:
        """Wait a moment for the thread that sends, or do its work where there is none."""
        loop = self._sending
        if loop is not None and loop.is_alive and not loop.is_current:
            self._outbox.news.set()
            wait_s: float | None = _POLL_S
        else:
            wait_s = self.sender.turn(max(_SHORTEST_ATTEMPT_S, left_s))
        if wait_s and left_s > 0:
            threading.Event().wait(min(wait_s, left_s))

    def _watch(self, until: float) -> bool:
        """Wait for the sender alone: what a signal's handler interrupted may hold our locks."""
        loop = self._sending
        while loop is not None and loop.is_alive and not loop.is_current:
            if not self._outbox.own_count() or self._clock.monotonic() >= until:
                break
            threading.Event().wait(_POLL_S)
        return not any(self._stats.places.values())

    def close(self) -> None:
        """End the threads; what is not sent stays in the spool, or is dropped and counted.

        Inside of a flush, in a signal's handler or `on_error`, that flush does it when it ends.
        """
        if threading.get_ident() in self._flushing:
            self._is_closing = True
        else:
            self._end()

    def _end(self) -> None:
        self._is_closing = False
        with guard:
            loops = [loop for loop in (self._collecting, self._sending) if loop is not None]
            ended = [loop.stop(_POLL_S) for loop in loops]
            self.collector.close()
            self._outbox.close()
            self._outbox.problems.tell()
            if all(ended):
                self._post.close()  # else an attempt is under way, and ends with the process

    def forked(self) -> None:
        """Begin anew in a forked child: what waits is the parent's to send."""
        self._intake.reset()
        self._outbox.reset()
        self.collector.reset()
        self.sender.reset()
        self._begin()
