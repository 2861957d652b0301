"""Counts what became of events: captured = sent + stored + queued + dropped + deduped + sampled."""

import threading
from collections import Counter
from typing import Any, Literal

Place = Literal["queued", "stored"]
"""Where an event waits: in memory, or in the spool."""


class Stats:
    """The counts of one client; every change moves events from one place to another, at once.

    `lock` is the one lock of the client: reentrant, held for a few operations at a time.
    """

    def __init__(self) -> None:
        self.forked()

    def forked(self) -> None:
        """Begin at zero with a free lock, as a forked child does."""
        self.lock = threading.RLock()
        self.captured = self.sent = self.deduped = self.sampled = 0
        self.places: dict[Place, int] = {"queued": 0, "stored": 0}
        self.drops: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()

    def sample_out(self) -> None:
        """Count an event that sampling left out."""
        with self.lock:
            self.captured += 1
            self.sampled += 1

    def lose(self, reason: str) -> None:
        """Count an event that was captured and got lost before it waited anywhere."""
        with self.lock:
            self.captured += 1
            self.drops[reason] += 1
            self._untold[reason] += 1

    def drop(self, place: Place | None, reason: str, count: int) -> None:
        """Drop events that waited; those of an earlier process (no place) are only reported."""
        if count <= 0:
            return
        with self.lock:
            if place is not None:
                self.places[place] -= count
                self.drops[reason] += count
            self._untold[reason] += count

    def fold(self) -> None:
        """Count a queued event that stands in the count of another."""
        with self.lock:
            self.places["queued"] -= 1
            self.deduped += 1

    def store(self, count: int) -> None:
        """Move events from memory to the spool."""
        with self.lock:
            self.places["queued"] -= count
            self.places["stored"] += count

    def deliver(self, place: Place | None, count: int) -> None:
        """Count events that the gateway accepted."""
        with self.lock:
            if place is None:
                self.others["recovered"] += count
            else:
                self.places[place] -= count
                self.sent += count

    def note(self, name: str, count: int = 1) -> None:
        """Count something that is no event's fate: `retried`, `redacted`, `hook_failed`."""
        with self.lock:
            self.others[name] += count

    def take_report(self) -> dict[str, int]:
        """Return the losses that no batch told of yet."""
        with self.lock:
            report, self._untold = dict(self._untold), Counter()
        return report

    def give_back(self, report: dict[str, int]) -> None:
        """Take a report again whose batch was lost."""
        with self.lock:
            self._untold.update(report)

    def now(self) -> dict[str, Any]:
        """Return all counts as they are at one moment."""
        with self.lock:
            return {
                "captured": self.captured,
                "sent": self.sent,
                "queued": self.places["queued"],
                "stored": self.places["stored"],
                "dropped": self.drops.total(),
                "drops": dict(self.drops),
                "deduped": self.deduped,
                "sampled": self.sampled,
                **{
                    name: self.others[name]
                    for name in ("redacted", "retried", "hook_failed", "recovered")
                },
            }
