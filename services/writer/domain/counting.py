"""Rows and id checksum of each slice, by Kafka partition."""

from collections.abc import Iterable, Mapping, Sequence

from libs.common.events.records import Row
from libs.common.ids import CHECKSUM_MODULUS
from services.writer.domain.arrivals import Arrival
from services.writer.domain.slicing import SliceMap

SliceCounts = dict[tuple[str, int], tuple[int, int]]
"""(slice, Kafka partition) -> (rows, id checksum modulo 2^128)."""


def count_arrivals(
    slices: SliceMap, arrivals: Iterable[Arrival], kind_at: int, counts: SliceCounts
) -> None:
    """Add all rows of one kind; looks at single rows only where a batch spans slices."""
    for arrival in arrivals:
        rows = arrival.rows[kind_at]
        if not rows or arrival.first is None or arrival.last is None:
            continue
        at = slices.find(arrival.first)
        if at is not None and arrival.last < slices.uppers[at]:
            place = (slices.names[at], arrival.partition)
            _add(counts, place, len(rows), arrival.checksums[kind_at])
        else:
            count_rows(slices, {arrival.partition: rows}, counts)


def count_rows(
    slices: SliceMap, rows_by_partition: Mapping[int, Sequence[Row]], counts: SliceCounts
) -> None:
    """Add rows one by one. Every row's slice must be in the map."""
    for partition, rows in rows_by_partition.items():
        for row in rows:
            at = slices.find(row[0])  # type: ignore[arg-type]  # times are typed in the struct
            if at is None:
                raise LookupError(f"no slice for {row[0]}")
            _add(counts, (slices.names[at], partition), 1, row[1].int)  # type: ignore[attr-defined]  # ids are UUIDs


def _add(counts: SliceCounts, place: tuple[str, int], count: int, checksum: int) -> None:
    before_count, before_sum = counts.get(place, (0, 0))
    counts[place] = (before_count + count, (before_sum + checksum) % CHECKSUM_MODULUS)
