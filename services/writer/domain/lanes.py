"""Which partitions of a poll are stored together: large polls take several transactions at once."""

from collections.abc import Mapping

LANE_COUNT = 2
"""Transactions at once: while PostgreSQL works on the rows of one, the other's are encoded."""
LEAST_EVENT_COUNT = 2_000
"""Events that are worth a transaction of their own: each costs some three milliseconds."""


def share_out(event_counts: Mapping[int, int], lane_count: int = LANE_COUNT) -> list[set[int]]:
    """Divide partitions by their events: one set for each transaction.

    Copies of a batch meet in one partition and all counts are kept by partition, so transactions
    over disjoint partitions touch no row in common.
    """
    worthwhile = sum(event_counts.values()) // LEAST_EVENT_COUNT
    count = max(1, min(lane_count, len(event_counts), worthwhile))
    lanes: list[set[int]] = [set() for _ in range(count)]
    filled = [0] * count
    for partition in sorted(event_counts, key=event_counts.__getitem__, reverse=True):
        lightest = min(range(count), key=lambda lane: (filled[lane], len(lanes[lane])))
        lanes[lightest].add(partition)
        filled[lightest] += event_counts[partition]
    return lanes
