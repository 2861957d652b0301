"""The queue between the application's threads and ours: bounded in events and bytes."""

import threading
from collections import deque
from typing import NamedTuple

from headwater_sdk.options import Event, Settings
from headwater_sdk.stats import Stats


class Captured(NamedTuple):
    """What the application said, and when."""

    at: float
    content: Event
    size: int
    """Rough, in bytes."""


class Intake:
    """Takes what is captured, at once: nobody waits here, what finds no room is dropped."""

    def __init__(self, settings: Settings, stats: Stats) -> None:
        self._stats = stats
        self._most_count = settings.queue_count
        self._most_bytes = settings.queue_bytes
        self._wake_count = settings.batch_size
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a forked child does: what waited is the parent's."""
        self._items: deque[Captured] = deque()
        self._bytes = 0
        self._is_awaited = False
        self.news = threading.Event()

    def put(self, item: Captured, is_severe: bool) -> None:
        """Take an event; the last quarter of the room is kept for errors."""
        stats = self._stats
        with stats.lock:
            count, size = len(self._items), self._bytes + item.size
            share = 4 if is_severe else 3
            if count * 4 >= self._most_count * share or size * 4 > self._most_bytes * share:
                stats.lose("queue_full")
                return
            stats.captured += 1
            stats.places["queued"] += 1
            self._items.append(item)
            self._bytes = size
        # The first begins the time of a batch, a full batch or an error ends it.
        is_first = not count and not self._is_awaited
        if is_first or is_severe or count + 1 == self._wake_count:
            self.news.set()

    def take(self, most: int) -> list[Captured]:
        """Return what waits longest; it stays counted as queued."""
        with self._stats.lock:
            items = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(item.size for item in items)
        return items

    def count(self) -> int:
        """Return how many wait."""
        return len(self._items)

    def await_more(self, *, comes_back: bool) -> bool:
        """Say whether somebody takes again in time without being woken; tell whether some wait.

        Waking a thread costs more than all else that the caller does.
        """
        with self._stats.lock:
            self._is_awaited = comes_back
            return bool(self._items)
