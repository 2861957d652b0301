"""Rows and id checksum of each slice, by Kafka partition."""

from collections.abc import Mapping, Sequence
from operator import itemgetter

from libs.common.events.records import Row
from services.writer.domain.slicing import SliceMap

SliceCounts = dict[tuple[str, int], tuple[int, int]]
"""(slice, Kafka partition) -> (rows, id checksum modulo 2^128)."""

_MODULUS = 1 << 128
_created_at = itemgetter(0)


def count_slices(
    slices: SliceMap, rows_by_partition: Mapping[int, Sequence[Row]], counts: SliceCounts
) -> None:
    """Add rows to the counts of their slices. Every row's slice must be in the map."""
    for partition, rows in rows_by_partition.items():
        if not rows:
            continue
        moments = list(map(_created_at, rows))
        first = slices.find(min(moments))
        if first is not None and max(moments) < slices.uppers[first]:
            _add(counts, slices.names[first], partition, rows)
            continue
        by_slice: dict[int, list[Row]] = {}
        for row in rows:
            at = slices.find(row[0])  # type: ignore[arg-type]  # as above
            if at is None:
                raise LookupError(f"no slice for {row[0]}")
            by_slice.setdefault(at, []).append(row)
        for at, some in by_slice.items():
            _add(counts, slices.names[at], partition, some)


def _add(counts: SliceCounts, name: str, partition: int, rows: Sequence[Row]) -> None:
    checksum = sum([row[1].int for row in rows])  # type: ignore[attr-defined]  # ids are UUIDs
    before_count, before_sum = counts.get((name, partition), (0, 0))
    counts[name, partition] = (before_count + len(rows), (before_sum + checksum) % _MODULUS)
