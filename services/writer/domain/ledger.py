"""What became of events, by key, hour and Kafka partition."""

from dataclasses import dataclass, field
from datetime import datetime

from libs.common.events.records import BatchHeader

Place = tuple[str, datetime, int]
"""Key id, hour of `received_at`, Kafka partition."""


@dataclass(slots=True)
class Tally:
    """Events by fate, in the order of the table's columns."""

    stored: int = 0
    aggregated_only: int = 0
    duplicate: int = 0
    conflict: int = 0
    """Of the duplicates, those whose body differed from the first copy's."""
    dead_lettered: int = 0


@dataclass
class Ledger:
    """The changes that one transaction makes to `ledger_stored`."""

    tallies: dict[Place, Tally] = field(default_factory=dict)

    def of(self, header: BatchHeader, partition: int) -> Tally:
        """Return the tally that counts a batch's events."""
        hour = header.received_at.replace(minute=0, second=0, microsecond=0)
        place = (header.key_id, hour, partition)
        tally = self.tallies.get(place)
        if tally is None:
            tally = self.tallies[place] = Tally()
        return tally

    def total(self) -> Tally:
        """Return the sum over all keys, hours and partitions."""
        total = Tally()
        for tally in self.tallies.values():
            total.stored += tally.stored
            total.aggregated_only += tally.aggregated_only
            total.duplicate += tally.duplicate
            total.conflict += tally.conflict
            total.dead_lettered += tally.dead_lettered
        return total
