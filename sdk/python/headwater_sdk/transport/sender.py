"""Sends batches one after another, the same bytes in every attempt, until each is answered."""

import random

from headwater_sdk.clock import Clock
from headwater_sdk.options import Problem, Settings
from headwater_sdk.stats import Stats
from headwater_sdk.transport.batch import Batch, halve
from headwater_sdk.transport.outbox import Outbox
from headwater_sdk.transport.post import Answer, Post

_LONGEST_BACKOFF_S = 30.0
_REFUSED_S = 300.0
_ADOPT_EVERY_S = 30.0
_ACCEPTED = 202
"""Another success is somebody else's: the page of a proxy, of a login."""
_AGAIN = frozenset({0, 408, 425, 429})
_UNREADABLE = frozenset({400, 415, 422})


class Sender:
    """Knows when the next attempt is due, and what an answer means."""

    def __init__(
        self, settings: Settings, stats: Stats, clock: Clock, outbox: Outbox, post: Post
    ) -> None:
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._outbox = outbox
        self._post = post
        self.reset()

    def reset(self) -> None:
        """Begin anew, as a forked child does."""
        self._post.reset()
        self._resume_at = 0.0
        self._is_told = False
        self._is_refused = False
        self._is_odd = False
        self._adopt_at = self._clock.monotonic()

    def is_patient_beyond(self, until: float) -> bool:
        """Say whether the gateway asked for more patience than until then."""
        return self._is_told and self._resume_at > until

    def hurry(self) -> None:
        """Try again now, unless the gateway asked for patience."""
        if not self._is_told:
            self._resume_at = 0.0

    def turn(self, within_s: float | None = None) -> float | None:
        """Make the next attempt if it is due; return in how many seconds there is more to do.

        Blocks for as long as one answer may take, or for so long.
        """
        wait_s = self._turn(within_s)
        self._outbox.problems.tell()
        return wait_s

    def _turn(self, within_s: float | None) -> float | None:
        now = self._clock.monotonic()
        if self._settings.spool is not None and now >= self._adopt_at:
            self._adopt_at = now + _ADOPT_EVERY_S
            self._outbox.adopt()
        if now < self._resume_at:
            return self._resume_at - now
        batch = self._outbox.next()
        if batch is None:
            return self._adopt_at - now if self._settings.spool is not None else None
        self._attempt(batch, within_s)
        return 0.0

    def _attempt(self, batch: Batch, within_s: float | None) -> None:
        if self._clock.now() - batch.at > self._settings.max_age.total_seconds():
            self._outbox.drop(batch, "expired")
            return
        body = self._outbox.body_of(batch)
        if body is None:
            self._outbox.drop(batch, "unreadable")
            return
        self._settle(batch, body, self._post(body, within_s))

    def _settle(self, batch: Batch, body: bytes, answer: Answer) -> None:
        status = answer.status
        is_odd = 200 <= status < 300 and status != _ACCEPTED
        if is_odd and not self._is_odd:
            self._outbox.problems.note(Problem("unexpected", status))
        self._is_odd = is_odd
        if status == _ACCEPTED:
            self._outbox.deliver(batch, answer.rejected_count)
            self._is_refused = self._is_told = False
            self._resume_at = 0.0
        elif is_odd or status in _AGAIN or status >= 500:
            self._stats.note("retried")
            batch.attempts += 1
            most = min(_LONGEST_BACKOFF_S, 2.0 ** (min(batch.attempts, 10) - 1))
            jitter = random.uniform(0, most)  # noqa: S311 - spreads clients, hides nothing
            self._rest(answer.wait_s or jitter, is_told=answer.wait_s > 0)
        elif status == 413:
            parts = halve(batch, body)
            if parts:
                self._outbox.put_parts(batch, parts)
            else:
                self._outbox.drop(batch, "too_large")
        elif status in _UNREADABLE:
            self._outbox.drop(batch, "refused")
            self._outbox.problems.note(Problem("refused", status, batch.count))
        else:
            # The key or the address is wrong: what we have is kept until somebody mends it.
            self._rest(_REFUSED_S, is_told=True)
            if not self._is_refused:
                self._outbox.problems.note(Problem("unauthorized", status))
            self._is_refused = True

    def _rest(self, seconds: float, *, is_told: bool) -> None:
        self._resume_at = self._clock.monotonic() + seconds
        self._is_told = is_told
