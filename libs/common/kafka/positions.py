"""Where a consumer stands in each partition, and what it may take from there. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from libs.common.db.offsets import StoredOffset
from libs.common.kafka.reader import Span
from libs.common.kafka.records import Record

Item = TypeVar("Item")


@dataclass(frozen=True)
class GoOn:
    """Read from `seek_to`; the first record there has to be `proof` where that is given."""

    seek_to: int
    proof: StoredOffset | None = None


@dataclass(frozen=True)
class Halt:
    """Stop the partition. A reason that may be a log's passing weakness is to be seen twice."""

    reason: str
    may_pass: bool = False


def judge(stored: StoredOffset | None, span: Span, cluster_id: str) -> GoOn | Halt:
    """Decide how to go on in a partition: never past a record that was not stored."""
    if stored is None:
        return GoOn(span.start)
    expected = stored.next_offset
    if stored.stopped_reason is not None:
        return Halt(stored.stopped_reason)
    if stored.cluster_id != cluster_id:
        return Halt(f"another cluster: stored {stored.cluster_id}, found {cluster_id}")
    if span.start > expected:
        return Halt(f"records {expected} to {span.start - 1} are gone from the log")
    if span.end < expected:
        return Halt(f"the log ends at {span.end}, before the next offset {expected}", True)
    if span.start == expected or stored.last_record_at is None:
        # The record before went with retention, or there never was one of ours.
        return GoOn(expected)
    return GoOn(expected - 1, proof=stored)


@dataclass
class Position:
    """A partition that is being read."""

    next_offset: int
    proof: StoredOffset | None = None


@dataclass(frozen=True)
class Take(Generic[Item]):
    """Records of one partition, in order and without a gap, to be stored from `expected` on."""

    partition: int
    expected: int
    records: Sequence[Record]
    items: Sequence[Item]

    @property
    def next_offset(self) -> int:
        """Return the offset after the last record."""
        return self.records[-1].offset + 1


class GapFound(Exception):
    """The records do not follow the position, so none may be stored; read again from there."""


class OtherRecord(Exception):
    """The record before the position is not the one that was stored last."""


def take_from(
    partition: int, position: Position, records: Sequence[Record], items: Sequence[Item]
) -> Take[Item] | None:
    """Return what may be stored of these records; None where all of them are known.

    Raises GapFound or OtherRecord. Valid only for a log without compaction and transactions,
    whose offsets have no holes.
    """
    first = records[0].offset
    if records[-1].offset - first != len(records) - 1:
        raise GapFound(f"hole between {first} and {records[-1].offset}")
    if position.proof is not None and first == position.proof.next_offset - 1:
        if not position.proof.is_last(records[0]):
            raise OtherRecord(f"record {first} is not the one that was stored")
        position.proof = None
    if position.proof is not None or first > position.next_offset:
        raise GapFound(f"expected {position.next_offset}, found {first}")
    known = position.next_offset - first
    if known >= len(records):
        return None
    return Take(partition, position.next_offset, records[known:], items[known:])


@dataclass
class Gathered(Generic[Item]):
    """Records that were read and prepared while the ones before are being stored."""

    records: dict[int, list[Record]] = field(default_factory=dict)
    items: dict[int, list[Item]] = field(default_factory=dict)
    value_bytes: int = 0
    weight: int = 0
    record_count: int = 0

    def add(self, record: Record, item: Item, weight: int) -> None:
        """Append a record behind those of its partition."""
        self.records.setdefault(record.partition, []).append(record)
        self.items.setdefault(record.partition, []).append(item)
        self.value_bytes += len(record.value or b"")
        self.weight += weight
        self.record_count += 1

    def forget(self, partition: int) -> None:
        """Drop a partition's records, whose place in the log is no longer valid."""
        self.records.pop(partition, None)
        self.items.pop(partition, None)
