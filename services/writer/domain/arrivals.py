"""Records as they arrive: decoded to rows in COPY order, or found undecodable."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import itemgetter
from uuid import UUID

from libs.common.events import (
    ExceptionRow,
    LogRow,
    SampleRow,
    UndecodableRecord,
    columns,
    decode_rows,
)
from libs.common.events.records import BatchHeader, Row
from libs.common.ids import checksum
from libs.common.kafka.records import Record, record_time

STAGE = "writer"
"""The name by which a dead letter says that it is ours to replay."""


@dataclass(frozen=True)
class Kind:
    """One kind of event and the table that takes it."""

    name: str
    table: str
    columns: tuple[str, ...]


LOG = Kind("log", "app_logs", columns(LogRow))
EXCEPTION = Kind("exception", "app_exceptions", columns(ExceptionRow))
SAMPLE = Kind("sample", "performance_samples", columns(SampleRow))
KINDS = (LOG, EXCEPTION, SAMPLE)

_created_at = itemgetter(0)
_row_id = itemgetter(1)
_SAMPLE_KIND = SAMPLE.columns.index("kind")
_SAMPLE_DURATION = SAMPLE.columns.index("duration_ms")

Identity = tuple[str, UUID]


@dataclass(slots=True)
class Arrival:
    """One decoded batch. Rows stand in the order of KINDS, as the client sent them."""

    partition: int
    offset: int
    seen_at: datetime
    """Kafka's time of the record."""
    header: BatchHeader
    rows: tuple[list[Row], list[Row], list[Row]]
    """Fast samples are not among them: they are for aggregates, and only counted here."""
    aggregated_only_count: int
    first: datetime | None
    """Earliest `created_at` of all rows; None without rows."""
    last: datetime | None
    checksums: tuple[int, int, int]
    """Sum of the ids of each kind's rows."""

    @property
    def identity(self) -> Identity:
        """Return what all copies of a batch have in common."""
        return (self.header.application, self.header.batch_id)

    @property
    def row_count(self) -> int:
        """Return how many rows there are to store."""
        logs, exceptions, samples = self.rows
        return len(logs) + len(exceptions) + len(samples)


@dataclass(frozen=True)
class Undecodable:
    """A record that is no batch of ours."""

    partition: int
    offset: int
    seen_at: datetime
    reason: str
    value: bytes


@dataclass(frozen=True)
class Skipped:
    """A dead letter that is replayed for another consumer."""

    partition: int
    offset: int


Item = Arrival | Undecodable | Skipped


def read_record(record: Record, slow_from_ms: Mapping[str, float]) -> Item:
    """Decode a record. `slow_from_ms` says from which duration on a kind of sample is kept."""
    try:
        decoded = decode_rows(record.value)
        samples = [
            row
            for row in decoded.samples
            if row[_SAMPLE_DURATION] > slow_from_ms.get(row[_SAMPLE_KIND], 0.0)  # type: ignore[call-overload]  # a row's fields are typed in its struct
        ]
        moments = list(map(_created_at, chain(decoded.logs, decoded.exceptions, samples)))
        # Also refuses times without a zone, which do not compare with the others.
        first, last = (min(moments), max(moments)) if moments else (None, None)
        if first is not None and first.tzinfo is None:
            raise UndecodableRecord("a time without a zone")
    except (UndecodableRecord, TypeError) as error:
        seen_at = record_time(record.timestamp)
        return Undecodable(
            record.partition, record.offset, seen_at, str(error), record.value or b""
        )
    header = decoded.header
    if header.letter_id is not None and header.letter_stage != STAGE:
        return Skipped(record.partition, record.offset)
    return Arrival(
        record.partition,
        record.offset,
        record_time(record.timestamp),
        header,
        (decoded.logs, decoded.exceptions, samples),
        len(decoded.samples) - len(samples),
        first,
        last,
        (
            checksum(map(_row_id, decoded.logs)),
            checksum(map(_row_id, decoded.exceptions)),
            checksum(map(_row_id, samples)),
        ),
    )


def event_count(item: Item) -> int:
    """Return how many events an item stands for, at least one."""
    if isinstance(item, Arrival):
        return item.row_count + item.aggregated_only_count or 1
    return 1
