"""Says whether undecoded JSON can hold anything that redaction would change.

One pass of one RE2 alternation over the bytes. It may be wrong in one direction only: if the walk
changes an event, the prefilter hit its raw text (a property test holds it). It also hits what the
gateway must repair elsewhere: escapes, and numbers that no double holds.
"""

from collections.abc import Iterator, Sequence

import msgspec

from libs.common.redaction.compiled import Search, compile_search

Raw = memoryview | bytes | msgspec.Raw

_BETWEEN_EVENTS = b", \t\r\n"


class Prefilter:
    """Finds suspect events in a body by their bytes alone."""

    def __init__(self, pattern: str) -> None:
        self.search: Search = compile_search(pattern)

    def suspects(self, body: bytes) -> bool:
        """Return False when nothing in this JSON text can be changed by redaction."""
        return self.search(body, 0)[1] >= 0

    def suspect_events(self, body: bytes, events: Sequence[Raw]) -> list[int]:
        """Return the indexes of the events whose raw text hits; they lie in the body in order.

        One search over the whole body, which skips the rest of an event once it hit.
        """
        search = self.search
        start, stop = search(body, 0)
        found: list[int] = []
        for index, (first, end) in enumerate(locate(body, events)):
            if stop < 0:
                break
            if start < first:  # a hit in the envelope, or over its edge
                start, stop = search(body, first)
            if 0 <= start < end:
                found.append(index)
                start, stop = search(body, end)
        return found


def locate(body: bytes, events: Sequence[Raw]) -> Iterator[tuple[int, int]]:
    """Yield where each event begins and ends in the body it was cut from.

    Nothing but a comma and blanks lies between two events, so only the first needs a search.
    """
    end = -1
    for event in events:
        start = _first_start(body, events) if end < 0 else _next_start(body, end)
        end = start + memoryview(event).nbytes
        yield start, end


def _first_start(body: bytes, events: Sequence[Raw]) -> int:
    """Find the first event, also where the envelope repeats its text before."""
    first = bytes(events[0])
    start = body.index(first)
    while (again := body.find(first, start + 1)) >= 0 and not _follow(body, start, events):
        start = again
    return start


def _follow(body: bytes, start: int, events: Sequence[Raw]) -> bool:
    """Say whether all events lie one after another from here; the same bytes mean the same."""
    for event in events:
        text = bytes(event)
        if not body.startswith(text, start):
            return False
        start = _next_start(body, start + len(text))
    return True


def _next_start(body: bytes, end: int) -> int:
    while end < len(body) and body[end] in _BETWEEN_EVENTS:
        end += 1
    return end
