"""What this process took in, by key and hour: received = accepted + rejected + unknown."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Tally:
    """Cumulative counts of events since the process started."""

    received: int = 0
    accepted: int = 0
    unknown: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class Ledger:
    """Counts in memory; `changed` gives what has to be written since the last call."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, datetime], Tally] = {}
        self._changed: set[tuple[str, datetime]] = set()

    def book(self, key_id: str, received_at: datetime, counts: Tally) -> None:
        """Add what became of a batch, at once when it is known."""
        place = (key_id, received_at.replace(minute=0, second=0, microsecond=0))
        tally = self._tallies.get(place)
        if tally is None:
            tally = self._tallies[place] = Tally()
        tally.received += counts.received
        tally.accepted += counts.accepted
        tally.unknown += counts.unknown
        if counts.rejected:
            tally.rejected.update(counts.rejected)
        self._changed.add(place)

    def changed(self) -> dict[tuple[str, datetime], Tally]:
        """Return the tallies that changed; they count as written from now on."""
        changed = {place: self._tallies[place] for place in self._changed}
        self._changed.clear()
        return changed

    def unwrite(self, places: dict[tuple[str, datetime], Tally]) -> None:
        """Take back that these were written: the database did not answer."""
        self._changed.update(places)

    def forget_before(self, hour: datetime) -> None:
        """Drop written tallies of past hours, which grow no more."""
        for place in [p for p in self._tallies if p[1] < hour and p not in self._changed]:
            del self._tallies[place]
