"""The batches that wait for the gateway: in the spool where there is one, else in memory."""

import threading
from collections.abc import Sequence

from headwater_sdk.options import Problem, Settings
from headwater_sdk.stats import Stats
from headwater_sdk.transport.batch import Batch
from headwater_sdk.transport.problems import Problems
from headwater_sdk.transport.spool import Spool

_CLOSE_WITHIN_S = 0.5


class Outbox:
    """Keeps each batch from before its first attempt until it is answered; thread-safe."""

    def __init__(
        self, settings: Settings, stats: Stats, spool: Spool | None, problems: Problems
    ) -> None:
        self._settings = settings
        self._stats = stats
        self._spool = spool
        self.problems = problems
        self._begin()

    def reset(self) -> None:
        """Forget everything, as a forked child does: what waited is the parent's."""
        if self._spool is not None:
            self._spool.forget()
        self.problems.reset()
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._items: list[Batch] = []
        self._bytes = {True: 0, False: 0}  # in the spool, in memory
        self._busy: Batch | None = None
        self._is_told = False
        self.news = threading.Event()

    def add(self, batch: Batch) -> None:
        """Take a new batch; where there is no room, the oldest without errors go."""
        with self._lock:
            self._save(batch)
            self._items.append(batch)
            self._count(batch)
            self._evict()
        self.news.set()

    def next(self) -> Batch | None:
        """Return the batch to attempt; it stays until it is removed."""
        with self._lock:
            self._busy = self._items[0] if self._items else None
            return self._busy

    def body_of(self, batch: Batch) -> bytes | None:
        """Return the bytes of a batch; None where the spool has lost them."""
        if batch.body is not None or self._spool is None:
            return batch.body
        return self._spool.read(batch)

    def deliver(self, batch: Batch, rejected_count: int) -> None:
        """Remove a batch that was accepted, but for some of its events."""
        with self._lock:
            if batch in self._items:
                self._remove(batch)
                rejected = min(batch.count, rejected_count)
                self._stats.deliver(batch.place, batch.count - rejected)
                self._stats.drop(batch.place, "rejected", rejected)
                self._clear(batch)

    def drop(self, batch: Batch, reason: str) -> None:
        """Drop a batch and count its events; nothing happens to one that is gone."""
        with self._lock:
            self._drop(batch, reason)

    def put_parts(self, batch: Batch, parts: Sequence[Batch]) -> None:
        """Put the parts of a batch in its place."""
        with self._lock:
            if batch not in self._items:
                return
            if batch.place == "stored":
                self._stats.store(-batch.count)  # the parts lie in memory until they are saved
            for part in parts:
                self._save(part)
            place = self._items.index(batch)
            self._items[place : place + 1] = parts
            self._uncount(batch)
            for part in parts:
                self._count(part)
            # Last: a crash until now finds the whole, which gives the same parts again.
            self._clear(batch)

    def adopt(self) -> None:
        """Take over what dead processes left in the spool."""
        if self._spool is not None:
            with self._lock:
                self._spool.release()
                for batch in self._spool.adopt():
                    self._items.append(batch)
                    self._count(batch)
                self._evict()

    def own_count(self) -> int:
        """Return how many batches of this process wait."""
        # Without the lock, which a signal's handler would wait for in vain.
        return sum(not batch.is_foreign for batch in list(self._items))

    def close(self) -> None:
        """Let go: what is stored waits for the next process, the rest is lost and counted."""
        if not self._lock.acquire(timeout=_CLOSE_WITHIN_S):
            return
        try:
            for batch in list(self._items):
                if batch.path is None:
                    self._uncount(batch)
                    self._save(batch)
                    self._count(batch)
                if batch.path is None:
                    self._drop(batch, "closed")
            if self._spool is not None:
                self._spool.close()
        finally:
            self._lock.release()

    def _save(self, batch: Batch) -> None:
        if self._spool is None or batch.size > self._settings.spool_bytes:
            return
        try:
            batch.path = self._spool.save(batch)
        except OSError:
            if not self._is_told:
                self._is_told = True
                self.problems.note(Problem("spool_unwritable"))
            return
        batch.body = None
        if not batch.is_foreign:
            self._stats.store(batch.count)

    def _drop(self, batch: Batch, reason: str) -> None:
        if batch in self._items:
            self._remove(batch)
            self._stats.give_back(batch.report)
            self._stats.drop(batch.place, reason, batch.count)
            self._clear(batch)

    def _clear(self, batch: Batch) -> None:
        if self._spool is not None and batch.path is not None:
            self._spool.remove(batch.path)

    def _remove(self, batch: Batch) -> None:
        self._items.remove(batch)
        self._uncount(batch)

    def _count(self, batch: Batch) -> None:
        self._bytes[batch.path is not None] += batch.size

    def _uncount(self, batch: Batch) -> None:
        self._bytes[batch.path is not None] -= batch.size

    def _evict(self) -> None:
        for is_stored, most in (
            (True, self._settings.spool_bytes),
            (False, self._settings.queue_bytes),
        ):
            if self._bytes[is_stored] <= most:
                continue
            held = [one for one in self._items if (one.path is not None) is is_stored]
            for batch in sorted(held, key=lambda one: (one.is_severe, one.at)):
                if self._bytes[is_stored] <= most:
                    break
                if batch is not self._busy:
                    self._drop(batch, "evicted")
