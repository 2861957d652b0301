"""Kafka in: one reader for all that watch the live tail, running while somebody does."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from libs.common.clock import Clock
from libs.common.events import UndecodableRecord, decode_batch
from libs.common.ids import milliseconds
from libs.common.kafka.reader import LogUnavailable
from libs.common.kafka.records import Record, record_time
from libs.common.telemetry.logs import get_logger
from services.query.domain.errors import TailUnavailable
from services.query.domain.tail import Burst, Ring, SeenBatches, TailAsk, TailRecord, Watcher
from services.query.domain.tail_marks import Mark

log = get_logger(__name__)

_MS = timedelta(milliseconds=1)
_REPLAYED_AT_ONCE = 20


class Follower(Protocol):
    """Reads a topic as it grows; see `TopicFollower`."""

    positions: dict[int, int]

    async def start(self, since: datetime | None) -> Mapping[int, int]:
        """Begin at a time, or behind the last record; return the first offsets."""
        ...

    async def poll(self, wait: timedelta, most: int) -> Sequence[Record]:
        """Return the next records."""
        ...

    async def stop(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True)
class TailLimits:
    """How much the tail holds, and how long."""

    most_watchers: int = 500
    resume: timedelta = timedelta(seconds=60)
    """A watcher that was away for longer is told of a gap."""
    held_bytes: int = 32 * 1024 * 1024
    behind: timedelta = timedelta(seconds=90)
    """Records older than that are jumped over: the tail shows what happens now."""
    flooded: timedelta = timedelta(seconds=2)
    """So long each read may find more than it can take; then the rest is jumped over."""
    share: float = 0.5
    """Part of the time that showing may take: the rest is for searches, and on a small machine for
    the pipeline. 200 watchers with filters take 0.2 of a core at 5,000 events/s, and twice that
    in time where the cores are busy; with a share below that the tail would fall behind."""
    linger: timedelta = timedelta(seconds=30)
    """Reading goes on so long after the last watcher left: it may be a reload of the page."""
    pace: timedelta = timedelta(milliseconds=50)
    """Between two reads that found all there was: each wakes every watcher that has something to
    see."""
    poll: timedelta = timedelta(milliseconds=500)
    poll_count: int = 50
    retry: timedelta = timedelta(seconds=1)
    overlap: timedelta = timedelta(seconds=10)
    """Read again after a failure: more than the clocks differ by."""


RawRecord = tuple[int, int, int, bytes]
"""Partition, offset, Kafka's time in ms, value: what the ring holds."""


class Watching:
    """One open tail: first what it missed while it was away, then what comes."""

    def __init__(
        self, watcher: Watcher, missed: Sequence[RawRecord], leave: Callable[["Watching"], None]
    ) -> None:
        self.watcher = watcher
        self.is_over = False
        self._missed = deque(missed)
        self._behind = Watcher(
            watcher.condition, watcher.kinds, watcher.since or watcher.mark, since=watcher.since
        )
        self._leave = leave
        self._waking: asyncio.Future[None] | None = None
        watcher.on_change = self._wake

    async def next(self, wait: timedelta) -> bytes:
        """Return what is to be sent; nothing after waiting in vain, or when the tail ends."""
        # until all that was missed is looked at, a heartbeat's place would jump over it
        while self._missed and not self.is_over:
            await asyncio.sleep(0)
            if replayed := self._replay():
                return replayed
        made = self.watcher.take()
        if made or self.is_over:
            return made
        # with hundreds of watchers an Event and a timeout would cost more than what they wait for
        loop = asyncio.get_running_loop()
        self._waking = loop.create_future()
        alarm = loop.call_later(wait.total_seconds(), self._wake)
        try:
            await self._waking
        finally:
            alarm.cancel()
        return self.watcher.take()

    def end(self) -> None:
        """Let the stream end: the process stops."""
        self.is_over = True
        self._wake()

    def close(self) -> None:
        """Stop watching."""
        self._leave(self)

    def _wake(self) -> None:
        if self._waking is not None and not self._waking.done():
            self._waking.set_result(None)

    def _replay(self) -> bytes:
        some = [self._missed.popleft() for _ in range(min(_REPLAYED_AT_ONCE, len(self._missed)))]
        self._behind.offer(Burst(read_records(some), self._behind.mark))
        return self._behind.take()


class TailHub:
    """Reads the topic while somebody watches, and shows every watcher what matches."""

    def __init__(
        self,
        follower: Callable[[], Follower],
        clock: Clock,
        limits: TailLimits | None = None,
    ) -> None:
        self._new_follower = follower
        self._clock = clock
        self._limits = limits or TailLimits()
        self._ring = Ring(self._limits.held_bytes, self._limits.resume // _MS)
        self._seen = SeenBatches()
        self._watchings: list[Watching] = []
        self._mark = Mark(1, 0, {})
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._idle_since = clock.monotonic()

    async def watch(self, ask: TailAsk) -> Watching:
        """Begin to watch; raises TailUnavailable."""
        if len(self._watchings) >= self._limits.most_watchers:
            raise TailUnavailable("too many watch already")
        async with self._starting:
            if self._task is None or self._task.done():
                await self._begin(ask.mark)
        mark = ask.mark
        watcher = Watcher(ask.condition, ask.kinds, self._mark, since=mark)
        missed: Sequence[RawRecord] = ()
        if mark is not None:
            if self._is_lost(mark):
                watcher.since = None
                watcher.tell("gap", _gap(mark, self._mark), self._mark)
            else:
                missed = self._ring.since(mark)
        watching = Watching(watcher, missed, self._leave)
        self._watchings.append(watching)
        return watching

    async def close(self) -> None:
        """End all tails, and stop reading."""
        for watching in self._watchings:
            watching.end()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _leave(self, watching: Watching) -> None:
        if watching in self._watchings:
            self._watchings.remove(watching)
        self._idle_since = self._clock.monotonic()

    def _is_lost(self, mark: Mark) -> bool:
        age_ms = milliseconds(self._clock.now()) - mark.at_ms
        return age_ms > self._limits.resume // _MS or not self._ring.holds(mark)

    async def _begin(self, mark: Mark | None) -> None:
        """Start to read; for somebody who comes back, from as long ago as one may come back."""
        follower = self._new_follower()
        since = None if mark is None else self._clock.now() - self._limits.resume
        try:
            firsts = await follower.start(since)
        except LogUnavailable as error:
            raise TailUnavailable("Kafka does not answer now") from error
        self._ring.start(dict(firsts))
        self._mark = Mark(1, milliseconds(self._clock.now()), dict(firsts))
        self._idle_since = self._clock.monotonic()
        self._task = asyncio.create_task(
            self._run(follower, catches_up=since is not None), name="tail"
        )

    async def _run(self, follower: Follower, *, catches_up: bool) -> None:
        while True:
            try:
                await self._read(follower, catches_up=catches_up)
                return
            except LogUnavailable as error:
                log.warning("the tail is interrupted", error=str(error)[:300])
            finally:
                await follower.stop()
            follower = await self._again()
            catches_up = True

    async def _again(self) -> Follower:
        """Read on after a failure, from a little before: what was seen is not shown again."""
        limits = self._limits
        while True:
            await asyncio.sleep(limits.retry.total_seconds())
            follower = self._new_follower()
            try:
                firsts = await follower.start(record_time(self._mark.at_ms) - limits.overlap)
            except LogUnavailable as error:
                log.warning("the tail cannot read", error=str(error)[:300])
                continue
            known = self._mark.offsets
            if any(first > known.get(number, first) for number, first in firsts.items()):
                self._ring.start(dict(firsts))
            return follower

    async def _read(self, follower: Follower, *, catches_up: bool) -> None:
        """Read until nobody has watched for a while; raises LogUnavailable.

        With `catches_up` it begins in the past, and takes all the time it needs until it is level.
        """
        limits, clock = self._limits, self._clock
        level_at = None if catches_up else clock.monotonic()
        while not self._is_idle():
            records = await follower.poll(limits.poll, limits.poll_count)
            began, now_ms = clock.monotonic(), milliseconds(clock.now())
            is_full = len(records) >= limits.poll_count
            if not is_full:
                level_at = began
            is_flooded = level_at is not None and began - level_at > limits.flooded.total_seconds()
            is_old = bool(records) and now_ms - records[-1].timestamp > limits.behind // _MS
            if is_flooded or is_old:
                await self._jump(follower)
                level_at = clock.monotonic()
                continue
            self._show([record for record in records if self._seen.is_new(record.key)], now_ms)
            known = self._mark.offsets
            reached = {p: max(at, known.get(p, 0)) for p, at in follower.positions.items()}
            self._mark = Mark(1, now_ms, reached)
            for watching in self._watchings:
                watching.watcher.mark = self._mark
            pause_s = 0.0
            if level_at is not None:
                pause_s = (clock.monotonic() - began) * (1 / limits.share - 1)
            await asyncio.sleep(pause_s if is_full else max(pause_s, limits.pace.total_seconds()))

    def _show(self, records: Sequence[Record], now_ms: int) -> None:
        raw = [(r.partition, r.offset, r.timestamp, r.value or b"") for r in records]
        for record in raw:
            self._ring.add(*record)
        if not raw or not self._watchings:
            return
        start = Mark(1, now_ms, self._mark.offsets)
        burst = Burst(read_records(raw), start)
        for watching in self._watchings:
            watching.watcher.offer(burst)

    async def _jump(self, follower: Follower) -> None:
        """Go on at the end of the log, for it grows faster than it can be shown."""
        before = self._mark
        await follower.stop()
        firsts = await follower.start(None)
        self._ring.start(dict(firsts))
        self._mark = Mark(1, milliseconds(self._clock.now()), dict(firsts))
        log.warning("the tail jumped over records: there are more than it can show")
        for watching in self._watchings:
            watching.watcher.tell("gap", _gap(before, self._mark), self._mark)

    def _is_idle(self) -> bool:
        idle_s = self._clock.monotonic() - self._idle_since
        return not self._watchings and idle_s > self._limits.linger.total_seconds()


def read_records(raw: Sequence[RawRecord]) -> list[TailRecord]:
    """Return the rows of records; replays for one consumer, and what is no batch, have none."""
    made = []
    for partition, offset, timestamp_ms, value in raw:
        rows: list[Any] = []
        try:
            batch = decode_batch(value)
        except UndecodableRecord as error:
            log.debug("no batch", partition=partition, offset=offset, error=str(error))
        else:
            if batch.header.letter_id is None:
                rows = [*batch.logs, *batch.exceptions, *batch.samples]
        made.append(TailRecord(partition, offset, timestamp_ms, rows))
    return made


def _gap(before: Mark, after: Mark) -> dict[str, str]:
    return {
        "from": record_time(before.at_ms).isoformat(),
        "to": record_time(after.at_ms).isoformat(),
    }
