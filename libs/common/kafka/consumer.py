"""The consumer loop: one poll, one transaction, offsets in Postgres, no record ever skipped.

    assigned --> unsettled --offset read, log checked, sought--> ready --> stored, again and again
                     ^                                             |
                     +---- any error, a gap, another owner --------+--> halted until adopted

While one transaction runs, the next records are read and prepared. Kafka's commits show lag only.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol

from libs.common.clock import Clock
from libs.common.db.offsets import StoredOffset
from libs.common.kafka.failures import Failures, Overtaken, Stalled, is_outage
from libs.common.kafka.positions import (
    GapFound,
    Gathered,
    GoOn,
    Item,
    OtherRecord,
    Position,
    Take,
    judge,
    take_from,
)
from libs.common.kafka.reader import LogReader, LogUnavailable
from libs.common.kafka.records import Record
from libs.common.runtime import LoopWatch
from libs.common.telemetry.logs import get_logger

log = get_logger(__name__)

__all__ = ["ConsumerLoop", "Fenced", "LoopLimits", "Overtaken", "Sink", "Stalled"]


class Fenced(Exception):
    """The offsets in Postgres are not the expected ones: another instance has the partition."""


class Sink(Protocol[Item]):
    """What the loop hands records to; it owns the database connection and the transaction."""

    async def read_offsets(self, partitions: Collection[int]) -> dict[int, StoredOffset]:
        """Return the stored offsets of partitions."""
        ...

    async def begin_offset(self, partition: int, next_offset: int) -> None:
        """Store a partition's first offset."""
        ...

    async def stop_partition(self, partition: int, reason: str) -> None:
        """Keep that the partition stands still."""
        ...

    def prepare(self, record: Record) -> tuple[Item, int]:
        """Decode a record, in memory only; return it with its weight. Never raises."""
        ...

    async def store(self, takes: Sequence[Take[Item]]) -> None:
        """Store all of it with its offsets in one transaction, or nothing.

        Raises Fenced, or Overtaken where the next try may meet what it needs. Any other exception
        means that nothing, or nobody knows whether it, was stored.
        """
        ...

    def observe(self, lag: Mapping[int, int], halted: Mapping[int, str]) -> None:
        """Be told, every few seconds, the lag of each partition and which stand still."""
        ...


@dataclass(frozen=True)
class LoopLimits:
    """How much at once, and how long to wait."""

    weight: int = 20_000
    value_bytes: int = 32 * 1024 * 1024
    idle_wait: timedelta = timedelta(milliseconds=200)
    busy_wait: timedelta = timedelta(milliseconds=10)
    yield_bytes: int = 128 * 1024
    """Prepare so much at a stretch while a transaction waits for the same event loop."""
    leave: timedelta = timedelta(seconds=8)
    look: timedelta = timedelta(seconds=3)
    """Between two looks at lag and at the partitions that stand still."""
    stall: timedelta = timedelta(seconds=60)
    first_delay: timedelta = timedelta(milliseconds=300)
    most_delay: timedelta = timedelta(seconds=5)


class ConsumerLoop(Generic[Item]):
    """Reads the partitions that the group gives us and stores them through a sink."""

    def __init__(
        self,
        reader: LogReader,
        sink: Sink[Item],
        clock: Clock,
        watch: LoopWatch,
        limits: LoopLimits | None = None,
    ) -> None:
        self._reader = reader
        self._sink = sink
        self._clock = clock
        self._watch = watch
        self._limits = limits or LoopLimits()
        self._cluster_id = ""
        self._generation = -1
        self._unsettled: set[int] = set()
        self._ready: dict[int, Position] = {}
        self._halted: dict[int, str] = {}
        self._suspected: set[int] = set()
        self._seeks: dict[int, int] = {}
        self._gathered: Gathered[Item] = Gathered()
        self._gathering: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._looked_at = self._moved_at = clock.monotonic()
        self._failures = Failures(
            self._limits.first_delay, self._limits.most_delay, self._limits.stall
        )
        self._heaviest = 1 / 20
        """Share of a transaction's limits that a record of the latest size takes."""
        self._stop = asyncio.Event()
        self._showing: asyncio.Task[None] | None = None

    @property
    def is_settled(self) -> bool:
        """Tell whether every assigned partition is being read or known to stand still."""
        return self._generation >= 0 and not self._unsettled

    async def run(self, stop: asyncio.Event, cluster_id: str) -> None:
        """Consume from a started reader until `stop`; a running transaction ends first.

        Outages are waited out for ever. Raises Stalled, for which only a new process may help.
        """
        self._stop, self._cluster_id = stop, cluster_id
        try:
            while not stop.is_set():
                self._watch.beat("consumer", timedelta(seconds=150))
                try:
                    await self._step()
                except Stalled:
                    raise
                except Fenced as error:
                    log.warning("another instance has moved on", reason=str(error))
                    self._unsettle(self._ready)
                except Exception as error:
                    await self._back_off(error)
        finally:
            stop.set()
            if self._gathering is not None:
                await self._gathering
            if self._showing is not None:
                self._showing.cancel()
            self._watch.forget("consumer")

    async def leave(self, partitions: Collection[int]) -> None:
        """Give partitions back: take nothing more of them, and wait for what is being stored."""
        for partition in partitions:
            self._ready.pop(partition, None)
        try:
            async with asyncio.timeout(self._limits.leave.total_seconds()):
                await self._idle.wait()
        except TimeoutError:
            log.warning("a transaction outlives the rebalance; the fence decides it")

    async def _step(self) -> None:
        await self._settle()
        await self._look()
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._gather(), name="gather")
        try:
            await asyncio.shield(self._gathering)
        finally:
            gathered, self._gathered, self._gathering = self._gathered, Gathered(), None
        self._unsettle(self._reader.take_lost())
        takes, others = self._takes(gathered)
        for partition, reason in others.items():
            await self._halt(partition, reason, 0)
        if not takes:
            return
        self._idle.clear()
        self._gathering = asyncio.create_task(self._gather(), name="gather")
        try:
            await self._sink.store(takes)
        finally:
            self._idle.set()
            self._moved_at = self._clock.monotonic()
        self._failures.end()
        for take in takes:
            if take.partition in self._ready:
                self._ready[take.partition].next_offset = take.next_offset

    async def _gather(self) -> None:
        """Read and prepare records: while a transaction runs, until it ends or enough is there."""
        limits, gathered = self._limits, self._gathered
        while not self._stop.is_set():
            idle = self._idle.is_set()
            if gathered.records and idle:
                return
            if _fullness(gathered, limits) >= 1:
                await self._idle.wait()
                return
            wait = limits.idle_wait if idle else limits.busy_wait
            found = await self._reader.poll(wait, self._most_records(gathered))
            if found:
                self._moved_at = self._clock.monotonic()
                await self._prepare(found, gathered)
                if gathered.record_count:
                    self._heaviest = _fullness(gathered, limits) / gathered.record_count
            elif idle:
                return

    def _most_records(self, gathered: Gathered[Item]) -> int:
        """Return how many records of the latest size still fit into one transaction."""
        room = 1 - _fullness(gathered, self._limits)
        return max(1, int(room / self._heaviest))

    async def _prepare(
        self, found: Mapping[int, Sequence[Record]], gathered: Gathered[Item]
    ) -> None:
        stretch_bytes = 0
        seeks = {partition: self._seeks.get(partition) for partition in found}
        for partition, records in found.items():
            for record in records:
                if self._seeks.get(partition) != seeks[partition]:
                    break  # sought elsewhere meanwhile: these are not the records to come
                item, weight = self._sink.prepare(record)
                gathered.add(record, item, weight)
                stretch_bytes += len(record.value or b"")
                if stretch_bytes >= self._limits.yield_bytes:
                    stretch_bytes = 0
                    await asyncio.sleep(0)

    def _takes(self, gathered: Gathered[Item]) -> tuple[list[Take[Item]], dict[int, str]]:
        """Return what may be stored, and the partitions that hold another log than ours."""
        takes: list[Take[Item]] = []
        others: dict[int, str] = {}
        for partition, records in sorted(gathered.records.items()):
            position = self._ready.get(partition)
            if position is None or not records:
                continue
            try:
                take = take_from(partition, position, records, gathered.items[partition])
            except GapFound as error:
                log.warning("gap, reading again", partition=partition, reason=str(error))
                self._unsettle([partition])
                continue
            except OtherRecord as error:
                others[partition] = str(error)
                continue
            if take is not None:
                takes.append(take)
        return takes, others

    async def _settle(self) -> None:
        """Read offsets and the log's span of unsettled partitions, check them, and seek."""
        if self._reader.generation != self._generation:
            self._generation = self._reader.generation
            self._ready.clear()
            self._halted.clear()
            self._suspected.clear()
            self._unsettled = set(self._reader.assigned())
            log.info("assigned", partitions=sorted(self._unsettled))
        if not self._unsettled:
            return
        generation, unsettled = self._generation, sorted(self._unsettled)
        spans = await self._reader.spans(unsettled)
        stored = await self._sink.read_offsets(unsettled)
        for partition in unsettled:
            if self._reader.generation != generation:
                return
            verdict = judge(stored.get(partition), spans[partition], self._cluster_id)
            if isinstance(verdict, GoOn):
                if partition not in stored:
                    await self._sink.begin_offset(partition, verdict.seek_to)
                self._go_on(partition, verdict)
            elif verdict.may_pass and partition not in self._suspected:
                self._suspected.add(partition)
                log.warning("looks wrong, looking again", partition=partition, why=verdict.reason)
            else:
                at = stored[partition].next_offset if partition in stored else 0
                await self._halt(partition, verdict.reason, at)
        if self._unsettled:
            await self._sleep(timedelta(seconds=2))

    def _go_on(self, partition: int, verdict: GoOn) -> None:
        self._seeks[partition] = self._seeks.get(partition, 0) + 1
        self._gathered.forget(partition)
        if not self._reader.seek(partition, verdict.seek_to):
            return
        next_offset = verdict.proof.next_offset if verdict.proof else verdict.seek_to
        self._ready[partition] = Position(next_offset, verdict.proof)
        self._unsettled.discard(partition)
        self._suspected.discard(partition)

    async def _halt(self, partition: int, reason: str, at: int) -> None:
        self._ready.pop(partition, None)
        self._reader.halt(partition, at)
        await self._sink.stop_partition(partition, reason)
        self._halted[partition] = reason
        self._unsettled.discard(partition)
        self._suspected.discard(partition)
        log.critical("partition stopped", partition=partition, reason=reason)

    def _unsettle(self, partitions: Collection[int]) -> None:
        for partition in tuple(partitions):
            self._ready.pop(partition, None)
            self._gathered.forget(partition)
            if partition in self._reader.assigned():
                self._unsettled.add(partition)

    async def _look(self) -> None:
        """Every few seconds: lag, progress, and partitions that an operator let go on."""
        now = self._clock.monotonic()
        if now - self._looked_at < self._limits.look.total_seconds():
            return
        self._looked_at = now
        if self._halted:
            stored = await self._sink.read_offsets(self._halted)
            for partition in tuple(self._halted):
                if partition not in stored or stored[partition].stopped_reason is None:
                    log.info("partition may go on", partition=partition)
                    del self._halted[partition]
                    self._unsettled.add(partition)
        lag = await self._lag()
        self._sink.observe(lag, self._halted)
        if not any(lag.values()):
            self._moved_at = now
        elif now - self._moved_at > self._limits.stall.total_seconds():
            raise Stalled(f"lag {sum(lag.values())}, nothing read for {self._limits.stall}")
        if self._showing is None or self._showing.done():
            positions = {p: position.next_offset for p, position in self._ready.items()}
            if positions:
                self._showing = asyncio.create_task(self._reader.show_progress(positions))

    async def _lag(self) -> dict[int, int]:
        try:
            spans = await self._reader.spans(tuple(self._ready))
        except LogUnavailable as error:
            log.warning("lag unknown", reason=str(error))
            self._moved_at = self._clock.monotonic()  # an outage of the log is no stall of ours
            return {}
        return {
            p: max(0, spans[p].end - position.next_offset)
            for p, position in self._ready.items()
            if p in spans
        }

    async def _back_off(self, error: Exception) -> None:
        """After any error the outcome is unknown: wait, and start again from Postgres' offsets.

        Raises Stalled where each try has failed for long though nothing is away.
        """
        self._unsettle(self._ready)
        now = self._clock.monotonic()
        if is_outage(error):
            self._moved_at = now
        await self._sleep(self._failures.add(error, now))

    async def _sleep(self, delay: timedelta) -> None:
        try:
            async with asyncio.timeout(delay.total_seconds()):
                await self._stop.wait()
        except TimeoutError:
            return


def _fullness(gathered: Gathered[Item], limits: LoopLimits) -> float:
    """Return which share of a transaction's limits is used."""
    return max(gathered.weight / limits.weight, gathered.value_bytes / limits.value_bytes)
