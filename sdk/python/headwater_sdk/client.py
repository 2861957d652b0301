"""The client of an application: what it says its events to."""

import contextlib
import random
from collections.abc import Callable
from typing import Any

from headwater_sdk.clock import Clock, SystemClock
from headwater_sdk.guard import guard
from headwater_sdk.options import Event, Settings
from headwater_sdk.record.contents import add_exception, level_named, read_fields
from headwater_sdk.record.size import size_of
from headwater_sdk.stats import Stats
from headwater_sdk.transport.intake import Captured
from headwater_sdk.transport.pipeline import Pipeline
from headwater_sdk.transport.post import HttpPost, Post
from headwater_sdk.work import Work, current_work


class Client:
    """Takes events. No call ever raises; none but `flush` and `close` waits for anything."""

    def __init__(
        self, settings: Settings, clock: Clock | None = None, post: Post | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self._counts = Stats()
        self._pipeline = Pipeline(
            settings, self._counts, self.clock, post or HttpPost(settings, self.clock)
        )
        self._undo: list[Callable[[], None]] = []
        self.is_open = settings.is_complete
        if self.is_open and settings.spool is not None:
            self._pipeline.start()  # what earlier processes left need not wait for a first event

    def log(self, level: str, message: object, /, **fields: object) -> None:
        """Log a message with fields; those named like columns become columns."""
        self.safely(
            lambda: self.capture(
                read_fields(level_named(level), message, fields, current_work.get())
            )
        )

    def capture_exception(
        self, error: BaseException, /, level: str = "ERROR", **fields: object
    ) -> None:
        """Capture an exception with its stack and causes; whoever logs it later adds only a log."""

        def act() -> None:
            event = read_fields(level_named(level), "", fields, current_work.get())
            add_exception(event, error)
            self.capture(event)

        self.safely(act)

    def capture_sample(
        self, event: Event, work: Work | None, duration_s: float, level: str | None = None
    ) -> None:
        """Capture how long something took: a `request` or a `query`."""
        event["duration_ms"] = round(duration_s * 1000, 3)
        if level is not None:
            event["level"] = level
        if work is not None and work.trace_id is not None:
            event["trace_id"] = work.trace_id
        self.capture(event)

    def safely(self, act: Callable[[], None]) -> None:
        """Do work of the SDK on the application's thread: it captures nothing, raises nothing."""
        if guard or not self.is_open:
            return
        with guard:
            try:
                act()
            except Exception:  # ours to blame, and counted
                self._counts.lose("internal")

    def capture(self, event: Event, at: float | None = None) -> None:
        """Take an event of the ingest contract whose values nobody changes any more.

        Only inside of `safely`, or with the guard held.
        """
        if not self.is_open:
            return
        rate = self.settings.sample_rate
        if rate < 1.0 and random.random() >= rate:  # noqa: S311 - no secret
            self._counts.sample_out()
            return
        self._pipeline.put(Captured(self.clock.now() if at is None else at, event, size_of(event)))
        self._pipeline.start()

    def lose(self) -> None:
        """Count an event that could not be read."""
        self._counts.lose("internal")

    def stats(self) -> dict[str, Any]:
        """Return the counts: captured = sent + stored + queued + dropped + deduped + sampled."""
        return self._counts.now()

    def flush(self, within_s: float = 5.0) -> bool:
        """Send what is captured; tell whether all was sent in that time."""
        return self.is_open and self._pipeline.flush(within_s)

    def close(self, within_s: float | None = None) -> bool:
        """Flush, then end; what is not sent stays in the spool, or is dropped and counted."""
        if not self.is_open:
            return True
        for undo in reversed(self._undo):
            with contextlib.suppress(Exception):
                undo()
        limit = self.settings.exit_within.total_seconds() if within_s is None else within_s
        is_sent = self._pipeline.flush(limit)
        self.is_open = False
        self._pipeline.close()
        return is_sent

    def add_undo(self, undo: Callable[[], None]) -> None:
        """Remember what `close` has to take back."""
        self._undo.append(undo)

    def forked(self) -> None:
        """Begin anew in a forked child: what waits is the parent's to send."""
        self._counts.forked()
        self._pipeline.forked()
