"""The tail's reader over a log that fails, runs ahead, or is watched by nobody."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from libs.common.clock import SystemClock
from libs.common.events import BatchRecord, encode_batch
from libs.common.events.records import BatchHeader
from libs.common.ids import batch_key, milliseconds
from libs.common.kafka.memory import MemoryRecord
from libs.common.kafka.reader import LogUnavailable
from libs.common.kafka.records import Record
from services.query.consumer import TailHub, TailLimits, Watching
from services.query.domain.conditions import ALWAYS, Contains
from services.query.domain.errors import TailUnavailable
from services.query.domain.tail import TailAsk
from services.query.domain.tail_marks import Mark, decode_mark
from tests.integration.query.tailing import log_row

QUICK = TailLimits(
    linger=timedelta(milliseconds=100),
    pace=timedelta(milliseconds=1),
    poll=timedelta(milliseconds=5),
    retry=timedelta(milliseconds=10),
)
ASK = TailAsk(ALWAYS, frozenset({"log"}))


class Log:
    """One partition in memory, and what is wrong with it."""

    def __init__(self) -> None:
        self.records: list[MemoryRecord] = []
        self.failures: deque[str] = deque()
        self.started_count = 0
        self.stopped_count = 0
        self.polled_count = 0

    def append(self, message: str, age: timedelta = timedelta(0)) -> None:
        batch_id = uuid4()
        now = datetime.now(UTC)
        header = BatchHeader("shop", batch_id, "key", now, b"hmac")
        value = encode_batch(BatchRecord(header, [log_row(message)]))
        moment = milliseconds(now - age)
        self.records.append(
            MemoryRecord(0, len(self.records), moment, batch_key("shop", batch_id), value)
        )


class LogFollower:
    """Follows the log as `TopicFollower` follows a topic."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.positions: dict[int, int] = {}

    async def start(self, since: datetime | None) -> Mapping[int, int]:
        """Begin."""
        log = self._log
        if log.failures and log.failures[0] == "start":
            log.failures.popleft()
            raise LogUnavailable("away")
        log.started_count += 1
        first = len(log.records)
        if since is not None:
            moment = milliseconds(since)
            first = next((r.offset for r in log.records if r.timestamp >= moment), first)
        self.positions = {0: first}
        return {0: first}

    async def poll(self, wait: timedelta, most: int) -> Sequence[Record]:
        """Return what is there."""
        log = self._log
        log.polled_count += 1
        if log.failures and log.failures[0] == "poll":
            log.failures.popleft()
            raise LogUnavailable("away")
        found = log.records[self.positions[0] : self.positions[0] + most]
        if not found:
            await asyncio.sleep(wait.total_seconds())
        self.positions[0] += len(found)
        return found

    async def stop(self) -> None:
        """Close."""
        self._log.stopped_count += 1


def hub_over(log: Log, limits: TailLimits = QUICK) -> TailHub:
    return TailHub(lambda: LogFollower(log), SystemClock(), limits)


async def shown(watching: Watching, wanted: str) -> str:
    """Return what is sent until it holds a text."""
    made = ""
    async with asyncio.timeout(5):
        while wanted not in made:
            made += (await watching.next(timedelta(milliseconds=20))).decode()
    return made


async def test_a_failure_loses_and_repeats_nothing() -> None:
    log = Log()
    hub = hub_over(log)
    watching = await hub.watch(ASK)
    log.append("one")
    await shown(watching, "one")
    log.failures.extend(["poll", "start", "start"])
    log.append("two")
    made = await shown(watching, "two")
    log.append("three")
    made += await shown(watching, "three")
    assert made.count("event: event") == 2
    assert log.failures == deque()
    assert log.started_count == 2
    await hub.close()
    assert log.stopped_count == 2


async def test_a_log_that_cannot_be_read_is_told_at_once() -> None:
    log = Log()
    hub = hub_over(log)
    log.failures.append("start")
    with pytest.raises(TailUnavailable):
        await hub.watch(ASK)
    assert await hub.watch(ASK)
    await hub.close()


async def test_what_is_too_old_is_jumped_over_and_told() -> None:
    log = Log()
    hub = hub_over(log)
    watching = await hub.watch(ASK)
    for number in range(3):
        log.append(f"old {number}", age=timedelta(minutes=5))
    made = await shown(watching, "gap")
    log.append("now")
    made += await shown(watching, "now")
    assert "old" not in made
    assert made.index("event: gap") < made.index("event: event")
    await hub.close()


async def test_a_flood_is_jumped_over_and_told() -> None:
    log = Log()
    hub = hub_over(log, replace(QUICK, poll_count=1, flooded=timedelta(milliseconds=50)))
    watching = await hub.watch(ASK)
    for number in range(5_000):
        log.append(f"drop {number}")
    log.append("the last of the flood")
    made = await shown(watching, "gap")
    log.append("dry again")
    made += await shown(watching, "dry again")
    assert "drop 0" in made
    assert "the last of the flood" not in made
    await hub.close()


async def place_behind_one(log: Log, watching: Watching) -> Mark:
    """Show one event; return the place that its watcher may come back to."""
    log.append("seen")
    made = await shown(watching, '"seen"')
    return decode_mark(made.rpartition("id: ")[2].partition("\n")[0])


async def test_who_comes_back_is_shown_all_however_much_it_is() -> None:
    log = Log()
    first = hub_over(log)
    mark = await place_behind_one(log, await first.watch(ASK))
    await first.close()
    for number in range(200):
        log.append(f"missed {number}")
    hub = hub_over(log, replace(QUICK, poll_count=1, flooded=timedelta(0), share=0.01))
    again = await hub.watch(replace(ASK, mark=mark))
    made = await shown(again, "missed 199")
    assert made.count("event: event") == 200
    assert "event: gap" not in made
    await hub.close()


async def test_no_place_is_told_before_all_that_was_missed_is_looked_at() -> None:
    log = Log()
    hub = hub_over(log)
    everything = await hub.watch(ASK)
    mark = await place_behind_one(log, everything)
    for number in range(50):
        log.append(f"hay {number}")
    log.append("needle")
    await shown(everything, "needle")
    again = await hub.watch(TailAsk(Contains("needle"), ASK.kinds, mark))
    # nothing would be a heartbeat, whose place lies behind the needle
    assert b"needle" in await again.next(timedelta(milliseconds=20))
    await hub.close()


async def test_reading_ends_when_nobody_watches_and_begins_again() -> None:
    log = Log()
    hub = hub_over(log)
    watching = await hub.watch(ASK)
    watching.close()
    async with asyncio.timeout(5):
        while log.stopped_count == 0:  # noqa: ASYNC110  # nothing tells a test about it
            await asyncio.sleep(0.01)
    polled_count = log.polled_count
    log.append("unseen")
    await asyncio.sleep(0.05)
    assert log.polled_count == polled_count
    again = await hub.watch(ASK)
    log.append("seen")
    assert "unseen" not in await shown(again, '"seen"')
    await hub.close()


async def test_everybody_is_shown_what_comes_after_the_own_beginning() -> None:
    log = Log()
    hub = hub_over(log)
    first = await hub.watch(ASK)
    log.append("early")
    await shown(first, "early")
    second = await hub.watch(ASK)
    log.append("late")
    made = await shown(second, "late")
    assert "early" not in made
    assert await shown(first, "late") == made
    await hub.close()
