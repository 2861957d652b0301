"""Joins queue, collector, outbox and sender, and runs them on two threads of their own.

Two, for an attempt may wait ten seconds for its answer, and what is captured meanwhile has to
reach the spool.
"""

import contextlib
import threading

from headwater_sdk.clock import Clock
from headwater_sdk.guard import guard, quieten_client
from headwater_sdk.options import Problem, Settings
from headwater_sdk.stats import Stats
from headwater_sdk.transport.collector import SEVERE, Collector
from headwater_sdk.transport.intake import Captured, Intake
from headwater_sdk.transport.loop import Loop
from headwater_sdk.transport.outbox import Outbox
from headwater_sdk.transport.post import Post
from headwater_sdk.transport.sender import Sender
from headwater_sdk.transport.spool import Spool

_POLL_S = 0.01


class Pipeline:
    """From captured to answered."""

    def __init__(self, settings: Settings, stats: Stats, clock: Clock, post: Post) -> None:
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._post = post
        spool = Spool(settings.spool, clock) if settings.spool is not None else None
        self._intake = Intake(settings, stats)
        self._outbox = Outbox(settings, stats, spool, self._tell)
        self.collector = Collector(settings, stats, clock, self._intake, self._outbox)
        self.sender = Sender(settings, stats, clock, self._outbox, post)
        self._loops: tuple[Loop, Loop] | None = None

    def put(self, item: Captured) -> None:
        """Take what was captured; never waits."""
        self._intake.put(item, item.content.get("level") in SEVERE)

    def start(self) -> None:
        """Start the threads, where they do not run yet."""
        if self._loops is not None:
            return
        with self._stats.lock:
            if self._loops is not None:
                return
            self._loops = (
                Loop("headwater-collector", self._intake.news, self.collector.turn),
                Loop("headwater-sender", self._outbox.news, self.sender.turn),
            )
        quieten_client()
        for loop in self._loops:
            # At the end of the interpreter none starts any more: `flush` does the work then.
            with contextlib.suppress(RuntimeError):
                loop.start()

    def flush(self, within_s: float) -> bool:
        """Send what is captured; tell whether all was sent in that time."""
        with guard:
            until = self._clock.monotonic() + within_s
            self.sender.hurry()
            while True:
                self.collector.finish()
                if not self._outbox.own_count():
                    return True
                if self._clock.monotonic() >= until or self.sender.is_told_to_wait:
                    return False
                if self._loops is not None and self._loops[1].is_alive:
                    self._outbox.news.set()
                    threading.Event().wait(_POLL_S)
                elif self.sender.turn() is None:
                    return not self._outbox.own_count()

    def close(self) -> None:
        """End the threads; what is not sent stays in the spool, or is dropped and counted."""
        with guard:
            ended = [loop.stop(_POLL_S) for loop in self._loops or ()]
            self.collector.finish()
            self._outbox.close()
            if all(ended):
                self._post.close()  # else an attempt is under way, and ends with the process

    def forked(self) -> None:
        """Begin anew in a forked child: what waits is the parent's to send."""
        self._intake.reset()
        self._outbox.reset()
        self.collector.reset()
        self.sender.reset()
        self._loops = None

    def _tell(self, problem: Problem) -> None:
        if self._settings.on_error is not None:
            with contextlib.suppress(Exception):  # the application's own
                self._settings.on_error(problem)
