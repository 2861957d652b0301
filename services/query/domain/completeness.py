"""`complete_through`: every batch acknowledged before this moment is stored.

Kafka's end offsets are read before the stored ones, so whatever was acknowledged before the reading
began is below the end that was read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class StoredOffset:
    """How far the writer is in one partition."""

    next_offset: int
    last_record_at: datetime | None
    stopped_reason: str | None = None


@dataclass(frozen=True)
class PartitionState:
    """One partition as it was seen last."""

    partition: int
    end_offset: int
    next_offset: int
    complete_through: datetime | None
    stopped_reason: str | None

    @property
    def lag(self) -> int:
        return max(0, self.end_offset - self.next_offset)


@dataclass(frozen=True)
class Completeness:
    """What is known of all partitions."""

    partitions: tuple[PartitionState, ...] = ()
    complete_through: datetime | None = None
    read_at: datetime | None = None
    """When Kafka's end offsets were read last; None = not yet."""

    @property
    def lag(self) -> int:
        return sum(state.lag for state in self.partitions)


def advance(
    former: Completeness,
    end_offsets: Mapping[int, int],
    stored: Mapping[int, StoredOffset],
    read_at: datetime,
) -> Completeness:
    """Return the new state; a partition's moment, and the whole one, never go back."""
    known = {state.partition: state.complete_through for state in former.partitions}
    states = []
    for partition, end in sorted(end_offsets.items()):
        offset = stored.get(partition, StoredOffset(0, None))
        reached = read_at if end <= offset.next_offset else offset.last_record_at
        moments = [moment for moment in (reached, known.get(partition)) if moment is not None]
        states.append(
            PartitionState(
                partition,
                end,
                offset.next_offset,
                max(moments, default=None),
                offset.stopped_reason,
            )
        )
    return Completeness(tuple(states), _through(states, former.complete_through), read_at)


def _through(states: list[PartitionState], former: datetime | None) -> datetime | None:
    moments = [state.complete_through for state in states if state.complete_through is not None]
    if not states or len(moments) < len(states):
        return former
    return min(moments) if former is None else max(former, min(moments))
