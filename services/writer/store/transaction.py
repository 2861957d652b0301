"""The transaction that stores a poll: rows, identities, counts and offsets, all or nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg

from libs.common.clock import Clock
from libs.common.db.offsets import (
    Advance,
    Fence,
    claim_offsets,
    record_time,
    stop_partition,
)
from libs.common.events.records import Row
from libs.common.kafka.consumer import Fenced
from libs.common.kafka.positions import Take
from services.writer.domain.arrivals import KINDS, Arrival, Identity, Item
from services.writer.domain.counting import SliceCounts, count_slices
from services.writer.domain.letters import RefusedRow, record_letter, row_letter
from services.writer.domain.refusals import RefusalWindow
from services.writer.domain.sifting import Sifted, sift
from services.writer.domain.slicing import SliceMap
from services.writer.store.batches import add_batches, find_known_batches
from services.writer.store.counts import add_ledger, add_slice_counts
from services.writer.store.failpoints import Failpoint
from services.writer.store.letters import add_letters, mark_replayed
from services.writer.store.rows import Copied, RowsRefused, copy_all, copy_carefully

CAREFUL_FOR = timedelta(seconds=30)
"""After a refused row, go straight to small pieces: a failed COPY of all is lost work."""

__all__ = ["StoringTransaction", "claim_offsets", "find_known_batches"]


@dataclass(frozen=True)
class StoringOptions:
    """What the transaction needs besides its connection."""

    fence: Fence
    secret: bytes
    """Key of the HMAC of records that nobody can read."""
    failpoint: Failpoint


@dataclass
class StoringTransaction:
    """Stores polls one after another."""

    options: StoringOptions
    clock: Clock
    windows: dict[int, RefusalWindow] = field(default_factory=dict)
    _careful_until: float = 0.0

    async def run(
        self,
        connection: asyncpg.Connection,
        takes: Sequence[Take[Item]],
        slices: Mapping[str, SliceMap],
        stopping: int | None = None,
    ) -> Sifted:
        """Store the takes; raises Fenced, SliceMissing, TooManyRefused or Postgres' own errors.

        The slices of all rows have to exist. `stopping` is a partition whose refused rows go to
        dead letters however many they are, and which stands still afterwards.
        """
        fence, failpoint = self.options.fence, self.options.failpoint
        windows = {take.partition: self._window(take.partition) for take in takes}
        async with connection.transaction():
            await self._claim(connection, takes)
            failpoint.reach("after_claim")
            items = [item for take in takes for item in take.items]
            sifted = sift(items, await self._known(connection, items))
            if sifted.new:
                await add_batches(connection, sifted.new)
            counts, refused = await self._store_rows(connection, sifted, slices, windows, stopping)
            await self._keep_letters(connection, sifted, refused)
            if stopping is not None:
                reason = "more than 5 % of the last 1,000 events were refused"
                await stop_partition(connection, fence, stopping, reason)
            await add_ledger(connection, sifted.ledger)
            await add_slice_counts(connection, counts)
            failpoint.reach("before_commit")
        failpoint.reach("after_commit")
        self.windows.update(windows)
        return sifted

    async def _claim(self, connection: asyncpg.Connection, takes: Sequence[Take[Item]]) -> None:
        advances = [
            Advance(
                take.partition,
                take.expected,
                take.next_offset,
                take.records[-1].key,
                record_time(take.records[-1].timestamp),
            )
            for take in takes
        ]
        moved = await claim_offsets(connection, self.options.fence, advances)
        if len(moved) < len(takes):
            others = sorted({take.partition for take in takes} - moved)
            raise Fenced(f"partitions {others}")

    async def _known(
        self, connection: asyncpg.Connection, items: Collection[Item]
    ) -> dict[Identity, bytes]:
        identities = {item.identity for item in items if isinstance(item, Arrival)}
        return await find_known_batches(connection, identities) if identities else {}

    async def _store_rows(
        self,
        connection: asyncpg.Connection,
        sifted: Sifted,
        slices: Mapping[str, SliceMap],
        windows: Mapping[int, RefusalWindow],
        stopping: int | None,
    ) -> tuple[SliceCounts, list[RefusedRow]]:
        """Copy the rows of all kinds; at once where no row is refused."""
        copied: list[Copied] | None = None
        if self.clock.monotonic() >= self._careful_until:
            try:
                async with connection.transaction():
                    copied = [
                        await copy_all(connection, kind, _rows_by_partition(sifted.new, at))
                        for at, kind in enumerate(KINDS)
                    ]
            except RowsRefused:
                self._careful_until = self.clock.monotonic() + CAREFUL_FOR.total_seconds()
        if copied is None:
            copied = await self._copy_carefully(connection, sifted, windows, stopping)
        else:
            for arrival in sifted.new:
                windows[arrival.partition].add(arrival.row_count, 0)
        counts: SliceCounts = {}
        for kind, result in zip(KINDS, copied, strict=True):
            count_slices(slices[kind.table], result.stored, counts)
        return counts, [refused for result in copied for refused in result.refused]

    async def _copy_carefully(
        self,
        connection: asyncpg.Connection,
        sifted: Sifted,
        windows: Mapping[int, RefusalWindow],
        stopping: int | None,
    ) -> list[Copied]:
        results = []
        for at, kind in enumerate(KINDS):
            result = Copied()
            for partition, rows in _placed_rows(sifted.new, at).items():
                copied = await copy_carefully(
                    connection,
                    kind,
                    rows,
                    windows[partition],
                    is_last_try=partition == stopping,
                )
                result.stored.update(copied.stored)
                result.refused.extend(copied.refused)
            results.append(result)
            if result.refused:
                self._careful_until = self.clock.monotonic() + CAREFUL_FOR.total_seconds()
        return results

    async def _keep_letters(
        self, connection: asyncpg.Connection, sifted: Sifted, refused: Sequence[RefusedRow]
    ) -> None:
        topic = self.options.fence.topic
        letters = [
            record_letter(topic, record, self.options.secret) for record in sifted.undecodable
        ]
        again = set()
        for row in refused:
            letters.append(row_letter(topic, row))
            tally = sifted.ledger.of(row.arrival.header, row.arrival.partition)
            tally.stored -= 1
            tally.dead_lettered += 1
            if row.arrival.header.letter_id is not None:
                again.add(row.arrival.header.letter_id)
        await add_letters(connection, topic, letters)
        replayed = {
            arrival.header.letter_id
            for arrival in sifted.new
            if arrival.header.letter_id is not None
        }
        await mark_replayed(connection, replayed - again)

    def _window(self, partition: int) -> RefusalWindow:
        return self.windows.setdefault(partition, RefusalWindow()).copy()


def _rows_by_partition(arrivals: Sequence[Arrival], kind_at: int) -> dict[int, list[Row]]:
    """Collect the rows of one kind, in order, without touching a single one."""
    collected: dict[int, list[Row]] = {}
    for arrival in arrivals:
        rows = arrival.rows[kind_at]
        if rows:
            collected.setdefault(arrival.partition, []).extend(rows)
    return collected


def _placed_rows(
    arrivals: Sequence[Arrival], kind_at: int
) -> dict[int, list[tuple[Row, Arrival, int]]]:
    """Collect the rows of one kind with the batch and the place that each came from."""
    collected: dict[int, list[tuple[Row, Arrival, int]]] = {}
    for arrival in arrivals:
        first = sum(len(rows) for rows in arrival.rows[:kind_at])
        for position, row in enumerate(arrival.rows[kind_at], first):
            collected.setdefault(arrival.partition, []).append((row, arrival, position))
    return collected
