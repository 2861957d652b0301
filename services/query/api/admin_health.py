"""`/admin/health`, `/admin/audit`: is all well, and who changed what."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from libs.common.clock import Clock
from services.query.api.access import V1, Admin
from services.query.api.cursors import CursorBook
from services.query.api.documents import Answer, ListQuery, read_row
from services.query.domain import ledger
from services.query.domain.completeness import Completeness
from services.query.domain.ledger import GatewayState, HourCount, State, Surroundings
from services.query.store.audit import AuditStore
from services.query.store.dead_letters import DeadLetterStore
from services.query.store.ledger import LedgerReading, LedgerStore

LEDGER_RANGE = timedelta(hours=24)
KAFKA_SILENCE = timedelta(seconds=10)
_SUMMED = (
    "received",
    "accepted",
    "unknown",
    "stored",
    "aggregated_only",
    "duplicate",
    "conflict",
    "dead_lettered",
)


class DatabaseHealth(Answer):
    """Postgres answered, or there would be no answer at all."""

    version: str


class PartitionHealth(Answer):
    """One Kafka partition."""

    partition: int
    end_offset: int
    next_offset: int
    lag: int = Field(description="Records that are not stored yet")
    complete_through: datetime | None
    stopped_reason: str | None = Field(description="Why it stands still until an operator acts")


class KafkaHealth(Answer):
    """What was seen of Kafka last."""

    ok: bool
    read_at: datetime | None
    lag: int
    partitions: list[PartitionHealth]


class GatewayHealth(Answer):
    """One gateway process of the last 24 hours."""

    instance: str
    started_at: datetime
    flushed_at: datetime
    ended_at: datetime | None
    state: GatewayState = Field(description="`lost`: ended without its last flush")


class LedgerHour(Answer):
    """Events of one hour of arrival."""

    hour: datetime
    received: int
    accepted: int
    unknown: int = Field(description="Answered 503 after a send whose outcome nobody knows")
    rejected: dict[str, int] = Field(description="By reason")
    stored: int
    aggregated_only: int
    duplicate: int
    conflict: int = Field(description="Of the duplicates, those with another body")
    dead_lettered: int
    state: State


class LedgerHealth(Answer):
    """accepted <= stored + aggregated_only + duplicate + dead_lettered <= accepted + unknown."""

    balanced: bool | None = Field(description="null = too young to tell, ask again in seconds")
    hours: list[LedgerHour]


class Health(Answer):
    """Everything an operator looks at first."""

    ok: bool
    database: DatabaseHealth
    kafka: KafkaHealth
    complete_through: datetime | None
    stopped_partitions: list[int]
    gateways: list[GatewayHealth]
    dead_letters: dict[str, int] = Field(description="By status")
    ledger: LedgerHealth


class AuditLine(Answer):
    """Something that was changed."""

    id: UUID
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]


class AuditPage(Answer):
    """A page of the audit log, newest first."""

    items: list[AuditLine]
    next_cursor: str | None
    prev_cursor: str | None


@dataclass(frozen=True)
class HealthRoutes:
    """The routes and what they need."""

    ledger: LedgerStore
    letters: DeadLetterStore
    audit: AuditStore
    completeness: Callable[[], Completeness]
    clock: Clock

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=f"{V1}/admin", tags=["admin: health"])
        router.get("/health", summary="Is all well")(self.health)
        router.get("/audit", summary="Who changed what")(self.list_audit)
        return router

    async def health(self, _: Admin) -> Health:
        """Tell what an operator looks at first, the ledger of the last 24 hours included."""
        # in this order: what completeness promises must hold for counts that are read after it
        seen = self.completeness()
        now = self.clock.now()
        reading = await self.ledger.read(ledger.floor_hour(now - LEDGER_RANGE))
        kafka = KafkaHealth(
            ok=seen.read_at is not None and now - seen.read_at < KAFKA_SILENCE,
            read_at=seen.read_at,
            lag=seen.lag,
            partitions=[PartitionHealth.model_validate(part) for part in seen.partitions],
        )
        stopped = [part.partition for part in seen.partitions if part.stopped_reason is not None]
        book = judge_ledger(reading, seen, now)
        return Health(
            ok=kafka.ok and not stopped and book.balanced is not False,
            database=DatabaseHealth(version=await self.ledger.server_version()),
            kafka=kafka,
            complete_through=seen.complete_through,
            stopped_partitions=stopped,
            gateways=list(_gateways(reading, now)),
            dead_letters=await self.letters.counts(),
            ledger=book,
        )

    async def list_audit(self, query: ListQuery, who: Admin) -> AuditPage:
        """List changes."""
        book = CursorBook("audit", who, None)
        ask = book.ask(query.limit, query.cursor)
        rows, edges = await self.audit.page(ask)
        return AuditPage(
            items=[read_row(AuditLine, row) for row in rows], **book.cursors(ask, edges)
        )


def judge_ledger(reading: LedgerReading, seen: Completeness, now: datetime) -> LedgerHealth:
    """Check the law for every key and hour; hours are answered as sums over keys."""
    around = Surroundings(
        now=now,
        complete_through=seen.complete_through,
        flushed_at=max((boot.flushed_at for boot in reading.boots), default=None),
        last_stored_at=reading.last_stored_at,
        uncounted=ledger.uncounted_hours(reading.boots, now),
    )
    hours = [
        _sum_of(hour, list(counts), around)
        for hour, counts in groupby(reading.counts, key=lambda count: count.hour)
    ]
    state = ledger.worst(hour.state for hour in hours)
    balanced = None if state == "settling" else state != "unbalanced"
    return LedgerHealth(balanced=balanced, hours=hours)


def _sum_of(hour: datetime, counts: list[HourCount], around: Surroundings) -> LedgerHour:
    rejected: dict[str, int] = {}
    for count in counts:
        for reason, events in count.rejected.items():
            rejected[reason] = rejected.get(reason, 0) + events
    sums = {name: sum(getattr(count, name) for count in counts) for name in _SUMMED}
    state = ledger.worst(ledger.judge(count, around) for count in counts)
    return LedgerHour(hour=hour, rejected=rejected, state=state, **sums)


def _gateways(reading: LedgerReading, now: datetime) -> Iterable[GatewayHealth]:
    for boot in reading.boots:
        is_silent = now - boot.flushed_at > ledger.FLUSH_ALLOWANCE
        state: GatewayState = (
            "ended" if boot.ended_at is not None else "lost" if is_silent else "running"
        )
        yield GatewayHealth(**vars(boot), state=state)
