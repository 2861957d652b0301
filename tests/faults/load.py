"""The load: clients that repeat the same batch, byte for byte, until they have a 2xx."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from libs.common.clock import SystemClock
from tests.faults.events import KINDS, EventMaker, SentBatch
from tests.faults.http_client import Answer, BrokenOff, HttpConnection
from tests.faults.journal import AckedLine, JournalWriter

PATH = "/api/v1/ingest/batches"
LONGEST_WAIT_SECONDS = 1.0
"""A client honours Retry-After up to this, lest the wait hides how soon the gateway recovers."""
RECENT_COUNT = 60


@dataclass(frozen=True)
class LoadPlan:
    """How hard to press, and how badly to behave."""

    port: int
    key: str
    seed: int
    client_count: int = 6
    events_per_second: int = 600
    answer_timeout_s: float = 10.0
    leave_share: float = 0.0
    """Share of the posts after which the client closes without waiting for the answer."""
    resend_share: float = 0.02
    """Share of the acknowledged batches that are sent again on purpose."""


class _Receipt(msgspec.Struct):
    partition: int
    offset: int


class _Accepted(msgspec.Struct):
    batch_id: UUID
    accepted: int
    rejected: list[object]
    receipt: _Receipt | None


@dataclass(frozen=True)
class Ack:
    """A batch that was acknowledged."""

    client: int
    first_sent_at: float
    """Of the monotonic clock."""
    acked_at: float
    line: AckedLine


@dataclass
class LoadState:
    """What the clients saw."""

    acks: list[Ack] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    """Attempts without a 2xx, by status or kind of break."""
    resent_count: int = 0
    violations: list[str] = field(default_factory=list)
    """Answers that a gateway must never give to these clients."""
    open_count: int = 0
    """Batches sent and not yet acknowledged."""


class Load:
    """Runs the clients until `finish`."""

    def __init__(self, plan: LoadPlan, journal: JournalWriter) -> None:
        self.plan = plan
        self.state = LoadState()
        self.on_answer: Callable[[Answer, float], None] | None = None
        """Called with every answer and how long it took."""
        self._journal = journal
        self._pausing = asyncio.Event()
        self._pausing.set()
        self._ending = False
        self._clients: list[asyncio.Task[None]] = []
        self._resends: set[asyncio.Task[None]] = set()

        self._port = plan.port
        self._recent: deque[SentBatch] = deque(maxlen=RECENT_COUNT)

    def start(self) -> None:
        """Start the clients."""
        self._clients = [
            asyncio.create_task(self._run_client(number), name=f"client {number}")
            for number in range(self.plan.client_count)
        ]

    def pause(self) -> None:
        """Begin no new batches; open ones go on."""
        self._pausing.clear()

    def resume(self) -> None:
        """Begin new batches again."""
        self._pausing.set()

    def retarget(self, port: int) -> None:
        """Let new connections go to another port."""
        self._port = port

    def resend_recent(self) -> int:
        """Send the batches that were acknowledged last once more; return how many."""
        chance = random.Random(self.plan.seed)
        for batch in self._recent:
            self._resend_soon(batch, 0, chance)
        return len(self._recent)

    async def wait_quiet(self, seconds: float) -> bool:
        """Wait until no batch is open; False if some still are after the time."""
        until = time.monotonic() + seconds
        while self.state.open_count or self._resends:
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.05)
        return True

    async def finish(self, seconds: float) -> bool:
        """Begin nothing new, wait for what is open, end; False if some never got a 2xx."""
        self._ending = True
        self._pausing.set()
        all_acked = await self.wait_quiet(seconds)
        for task in (*self._clients, *self._resends):
            task.cancel()
        results = await asyncio.gather(*self._clients, *self._resends, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return all_acked

    async def _run_client(self, number: int) -> None:
        plan = self.plan
        chance = random.Random(plan.seed * 1_000 + number)
        maker = EventMaker(plan.seed * 1_000 + number, SystemClock())
        interval = len(KINDS) * plan.client_count / plan.events_per_second
        connection = HttpConnection(lambda: self._port, plan.answer_timeout_s)
        await asyncio.sleep(interval * number / plan.client_count)
        due = time.monotonic()
        try:
            while not self._ending:
                await self._pausing.wait()
                if self._ending:
                    break
                batch = maker.batch()
                self._journal.sending(batch)
                await self._post_until_acked(connection, number, batch, chance)
                due = max(due + interval, time.monotonic() - interval)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        finally:
            connection.close()

    async def _post_until_acked(
        self, connection: HttpConnection, number: int, batch: SentBatch, chance: random.Random
    ) -> None:
        first_sent_at = time.monotonic()
        self.state.open_count += 1
        try:
            if chance.random() < self.plan.leave_share:
                await connection.send_and_leave(PATH, self._headers(), batch.body)
                self.state.troubles["left"] += 1
            answer = await self._repeat(connection, batch, chance)
            accepted = msgspec.json.decode(answer.body, type=_Accepted)
            receipt = accepted.receipt
            line = AckedLine(
                batch.batch_id,
                receipt.partition if receipt else None,
                receipt.offset if receipt else None,
            )
            self._journal.acked(line)
            self.state.acks.append(Ack(number, first_sent_at, time.monotonic(), line))
        finally:
            self.state.open_count -= 1
        self._check(batch, accepted)
        self._recent.append(batch)
        if chance.random() < self.plan.resend_share:
            self._resend_soon(batch, chance.random() * 3, chance)

    def _resend_soon(self, batch: SentBatch, wait_s: float, chance: random.Random) -> None:
        again = asyncio.create_task(self._resend(batch, wait_s, chance))
        self._resends.add(again)
        again.add_done_callback(self._resends.discard)

    async def _resend(self, batch: SentBatch, wait_s: float, chance: random.Random) -> None:
        await asyncio.sleep(wait_s)
        connection = HttpConnection(lambda: self._port, self.plan.answer_timeout_s)
        try:
            answer = await self._repeat(connection, batch, chance)
        finally:
            connection.close()
        self._check(batch, msgspec.json.decode(answer.body, type=_Accepted))
        self.state.resent_count += 1

    async def _repeat(
        self, connection: HttpConnection, batch: SentBatch, chance: random.Random
    ) -> Answer:
        """Post until a 2xx comes."""
        while True:
            began = time.monotonic()
            try:
                answer = await connection.request("POST", PATH, self._headers(), batch.body)
            except BrokenOff as error:
                self.state.troubles[str(error)] += 1
                await asyncio.sleep(0.2 + 0.2 * chance.random())
                continue
            if self.on_answer is not None:
                self.on_answer(answer, time.monotonic() - began)
            if answer.status == 202:
                return answer
            self.state.troubles[str(answer.status)] += 1
            if answer.status not in (429, 503) or "retry-after" not in answer.headers:
                self.state.violations.append(
                    f"answer {answer.status} to a good batch: {answer.body[:200]!r}"
                )
            wait_s = min(float(answer.headers.get("retry-after", "1")), LONGEST_WAIT_SECONDS)
            await asyncio.sleep(wait_s * (0.5 + chance.random() / 2))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.plan.key}", "Content-Type": "application/json"}

    def _check(self, batch: SentBatch, accepted: _Accepted) -> None:
        # every attempt has to answer the same
        if (
            accepted.batch_id != batch.batch_id
            or accepted.accepted != len(batch.events)
            or accepted.rejected
        ):
            self.state.violations.append(f"batch {batch.batch_id} was answered {accepted}")
