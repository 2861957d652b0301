"""The transaction that stores a poll: rows, identities, counts and offsets, all or nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain

import asyncpg

from libs.common.clock import Clock
from libs.common.db.offsets import Advance, Fence, claim_offsets, stop_partition
from libs.common.kafka.consumer import Fenced
from libs.common.kafka.positions import Take
from libs.common.kafka.records import record_time
from services.writer.domain.arrivals import KINDS, Arrival, Identity, Item
from services.writer.domain.counting import SliceCounts, count_arrivals, count_rows
from services.writer.domain.errors import TooManyRefused
from services.writer.domain.letters import RefusedRow, record_letter, row_letter
from services.writer.domain.refusals import RefusalWindow
from services.writer.domain.sifting import Sifted, sift
from services.writer.domain.slicing import SliceMap
from services.writer.store.batches import add_batches, find_known_batches
from services.writer.store.counts import add_ledger, add_slice_counts
from services.writer.store.failpoints import Failpoint
from services.writer.store.letters import add_letters, mark_replayed
from services.writer.store.rows import PlacedRow, RowsRefused, copy_carefully, copy_rows

CAREFUL_FOR = timedelta(seconds=30)
"""After a refused row, go straight to small pieces: a failed COPY of all is lost work."""


@dataclass(frozen=True)
class StoringOptions:
    """What the transaction needs besides its connection."""

    fence: Fence
    secret: bytes = field(repr=False)
    """Key of the HMAC of records that nobody can read."""
    failpoint: Failpoint


@dataclass(frozen=True)
class Care:
    """Copy in small pieces, so that refused rows are found."""

    stopping: int | None = None
    """A partition that is to stand still afterwards, whatever share of its rows is refused."""


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
        if self.clock.monotonic() >= self._careful_until and stopping is None:
            try:
                return await self._run(connection, takes, slices, None)
            except RowsRefused:
                self._be_careful()
        return await self._run(connection, takes, slices, Care(stopping))

    async def _run(
        self,
        connection: asyncpg.Connection,
        takes: Sequence[Take[Item]],
        slices: Mapping[str, SliceMap],
        care: Care | None,
    ) -> Sifted:
        fence, failpoint = self.options.fence, self.options.failpoint
        windows = {take.partition: self._window(take.partition) for take in takes}
        async with connection.transaction():
            await self._claim(connection, takes)
            failpoint.reach("after_claim")
            items = [item for take in takes for item in take.items]
            sifted = sift(items, await self._known(connection, items))
            _count_undecodable(sifted, windows, care)
            if sifted.new:
                await add_batches(connection, sifted.new)
            if care is None:
                refused: list[RefusedRow] = []
                counts = await self._copy(connection, sifted.new, slices, windows)
            else:
                counts, refused = await self._copy_carefully(
                    connection, sifted.new, slices, windows, care
                )
            await self._keep_letters(connection, sifted, refused)
            if care is not None and care.stopping is not None:
                reason = "more than 5 % of the last 1,000 events were refused"
                await stop_partition(connection, fence, care.stopping, reason)
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

    async def _copy(
        self,
        connection: asyncpg.Connection,
        arrivals: Sequence[Arrival],
        slices: Mapping[str, SliceMap],
        windows: Mapping[int, RefusalWindow],
    ) -> SliceCounts:
        """Copy the rows of each kind in one statement; raises RowsRefused."""
        counts: SliceCounts = {}
        for at, kind in enumerate(KINDS):
            rows = list(chain.from_iterable([arrival.rows[at] for arrival in arrivals]))
            if rows:
                await copy_rows(connection, kind, rows)
                count_arrivals(slices[kind.table], arrivals, at, counts)
        for arrival in arrivals:
            windows[arrival.partition].add(arrival.row_count, 0)
        return counts

    async def _copy_carefully(
        self,
        connection: asyncpg.Connection,
        arrivals: Sequence[Arrival],
        slices: Mapping[str, SliceMap],
        windows: Mapping[int, RefusalWindow],
        care: Care,
    ) -> tuple[SliceCounts, list[RefusedRow]]:
        """Copy in small pieces and set the refused rows aside; raises TooManyRefused."""
        counts: SliceCounts = {}
        refused: list[RefusedRow] = []
        for at, kind in enumerate(KINDS):
            copied = await copy_carefully(
                connection, kind, _placed_rows(arrivals, at), windows, stopping=care.stopping
            )
            count_rows(slices[kind.table], copied.stored, counts)
            refused += copied.refused
        if refused:
            self._be_careful()
        return counts, refused

    def _be_careful(self) -> None:
        self._careful_until = self.clock.monotonic() + CAREFUL_FOR.total_seconds()

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


def _count_undecodable(
    sifted: Sifted, windows: Mapping[int, RefusalWindow], care: Care | None
) -> None:
    """Let records that nobody can read count as refused; raises TooManyRefused."""
    for record in sifted.undecodable:
        window = windows[record.partition]
        window.add(1, 1)
        if window.is_tripped and (care is None or care.stopping != record.partition):
            raise TooManyRefused(record.partition)


def _placed_rows(arrivals: Sequence[Arrival], kind_at: int) -> list[PlacedRow]:
    """Collect the rows of one kind with the batch and the place that each came from."""
    collected: list[PlacedRow] = []
    for arrival in arrivals:
        first = sum(len(rows) for rows in arrival.rows[:kind_at])
        collected += [
            (row, arrival, position) for position, row in enumerate(arrival.rows[kind_at], first)
        ]
    return collected
