"""The ledger's law: what was accepted is stored, aggregated, known as a duplicate or dead-lettered.

With nothing left to read (lag 0): accepted <= settled <= accepted + unknown. An hour in which a
gateway ended without its last flush is `uncounted`: only the left half must hold there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

HOUR = timedelta(hours=1)
FLUSH_ALLOWANCE = timedelta(seconds=30)
"""A gateway flushes its counts every 5 s: one silent for longer has ended."""
_FRESH = timedelta(hours=2)

State = Literal["balanced", "uncounted", "settling", "unbalanced"]
GatewayState = Literal["running", "ended", "lost"]
_SEVERITY: tuple[State, ...] = ("balanced", "uncounted", "settling", "unbalanced")


@dataclass(frozen=True)
class Boot:
    """One run of a gateway process."""

    instance: str
    started_at: datetime
    flushed_at: datetime
    ended_at: datetime | None


@dataclass
class HourCount:
    """Events by key and hour of `received_at`."""

    key_id: str
    hour: datetime
    received: int = 0
    accepted: int = 0
    unknown: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    stored: int = 0
    aggregated_only: int = 0
    duplicate: int = 0
    conflict: int = 0
    dead_lettered: int = 0

    @property
    def settled(self) -> int:
        return self.stored + self.aggregated_only + self.duplicate + self.dead_lettered


@dataclass(frozen=True)
class Surroundings:
    """What must be known to judge the counts."""

    now: datetime
    complete_through: datetime | None
    """Everything acknowledged before it was stored when the counts were read; None = unknown."""
    flushed_at: datetime | None
    """The newest flush of any gateway: the counts of what was received reach so far."""
    last_stored_at: datetime | None
    """Kafka time of the newest stored record."""
    uncounted: frozenset[datetime]


def uncounted_hours(boots: Iterable[Boot], now: datetime) -> frozenset[datetime]:
    """Return the hours whose counts of what was received may be short."""
    known = list(boots)
    hours: set[datetime] = set()
    for boot in known:
        if boot.ended_at is not None or now - boot.flushed_at <= FLUSH_ALLOWANCE:
            continue
        later = [
            other.started_at
            for other in known
            if other.instance == boot.instance and other.started_at > boot.flushed_at
        ]
        # it may have gone on for a while after its last flush: until the next one of its name
        until = min(min(later, default=boot.flushed_at + HOUR), now)
        hour = floor_hour(boot.flushed_at)
        while hour <= until:
            hours.add(hour)
            hour += HOUR
    return frozenset(hours)


def judge(count: HourCount, around: Surroundings) -> State:
    """Say whether one key's hour obeys the law, or is too young to tell (`settling`)."""
    if count.received != count.accepted + count.unknown + sum(count.rejected.values()):
        return "unbalanced"
    if count.settled < count.accepted:
        return "unbalanced" if _is_all_stored(around) else "settling"
    if count.hour in around.uncounted:
        return "uncounted"
    if count.settled <= count.accepted + count.unknown:
        return "balanced"
    is_fresh = around.now - count.hour < _FRESH
    just_stored = (
        around.last_stored_at is not None and around.now - around.last_stored_at < FLUSH_ALLOWANCE
    )
    return "settling" if is_fresh and just_stored else "unbalanced"


def worst(states: Iterable[State]) -> State:
    """Return the state that a sum of counts has."""
    return max(states, key=_SEVERITY.index, default="balanced")


def _is_all_stored(around: Surroundings) -> bool:
    """Say whether whatever the gateways counted must have been stored by now."""
    if around.flushed_at is None:
        return True
    return around.complete_through is not None and around.complete_through >= around.flushed_at


def floor_hour(moment: datetime) -> datetime:
    """Return the start of a moment's hour."""
    return moment.replace(minute=0, second=0, microsecond=0)
