"""Folds repeats: the first goes out at once, the others only count, a summary stands for them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from headwater_sdk.options import Event

_KINDS = 200


@dataclass
class _Repeats:
    end: float
    event: Event
    first_at: float
    count: int = 0
    last_at: float = field(default=0.0)


Summary = tuple[Event, int, float, float]
"""The event, how many repeats, when the first and when the last of them was."""


class Dedupe:
    """Repeats of one kind within a window; the counts of all events sum up to the occurrences."""

    def __init__(self, window_s: float, monotonic: Callable[[], float]) -> None:
        self._window_s = window_s
        self._monotonic = monotonic
        self._windows: dict[Any, _Repeats] = {}  # in the order of their ends

    def repeat(self, content: Event, at: float) -> int:
        """Return which repeat of another this is, 0 for the first of its kind."""
        if not self._folds(content):
            return 0
        known = self._windows.get(_key_of(content))
        if known is not None and known.end > self._monotonic():
            known.count += 1
            known.last_at = at
            return known.count
        return 0

    def open(self, content: Event, event: Event, at: float) -> None:
        """Begin a window: what was captured, and the event that it became."""
        if self._folds(content):
            end = self._monotonic() + self._window_s
            self._windows[_key_of(content)] = _Repeats(end, event, at)

    def ended(self, *, all_of_them: bool = False) -> Iterator[Summary]:
        """Return the summaries that are due."""
        now = self._monotonic()
        while self._windows:
            key, repeats = next(iter(self._windows.items()))
            if not (all_of_them or repeats.end <= now or len(self._windows) > _KINDS):
                break
            del self._windows[key]
            if repeats.count:
                yield repeats.event, repeats.count, repeats.first_at, repeats.last_at

    def next_end(self) -> float | None:
        """Return when the next window ends, by the monotonic clock."""
        return next((repeats.end for repeats in self._windows.values()), None)

    def _folds(self, content: Event) -> bool:
        return self._window_s > 0 and content["kind"] in {"log", "exception"}


def _key_of(event: Event) -> Any:
    exception = event.get("exception") or {}
    frames = tuple(
        (frame.get("file"), frame.get("line")) for frame in exception.get("stacktrace", ())[:3]
    )
    return (
        event["level"],
        event.get("module"),
        event.get("message"),
        event.get("request_path"),
        exception.get("type"),
        exception.get("value"),
        frames,
    )
