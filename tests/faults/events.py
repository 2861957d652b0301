"""Events that the load posts, and what each must look like once it is stored.

Every event carries a token of its own as its trace id: the oracle counts tokens, never row ids, for
a second copy under another id is a double too.
"""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from libs.common.clock import Clock
from libs.common.ids import new_uuid7

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
KINDS = ("log",) * 12 + ("exception",) * 3 + ("request",) * 3 + ("query",) * 2
"""The kinds of a batch of twenty, in this order."""


@dataclass(frozen=True)
class SentEvent:
    """What the oracle has to find: the token once, with this content."""

    token: str
    content: str
    """Hash of what must be stored; empty where the event is aggregated only."""


@dataclass(frozen=True)
class SentBatch:
    """A batch as it is posted, the same bytes in every attempt."""

    batch_id: UUID
    body: bytes
    events: tuple[SentEvent, ...]


class EventMaker:
    """Makes batches of mixed kinds; the same seed makes the same batches but for their times."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._chance = random.Random(seed)
        self._clock = clock
        self._number = 0

    def batch(self) -> SentBatch:
        """Make a batch of twenty events of now."""
        batch_id = UUID(int=self._chance.getrandbits(128), version=4)
        now = self._clock.now()
        events, sent = [], []
        for kind in KINDS:
            self._number += 1
            event = self._event(kind, now)
            events.append(event)
            sent.append(SentEvent(event["trace_id"], expected_content(event)))
        body = {
            "batch_id": batch_id,
            "release": "2026.11.2",
            "environment": "production",
            "events": events,
        }
        return SentBatch(batch_id, msgspec.json.encode(body), tuple(sent))

    def _event(self, kind: str, now: datetime) -> dict[str, Any]:
        chance = self._chance
        created_at = _whole_milliseconds(now - chance.randrange(2_000) * _MILLISECOND)
        own_id = str(new_uuid7(created_at)) if chance.random() < 0.6 else None
        event: dict[str, Any] = {
            "kind": kind,
            "created_at": created_at,
            "trace_id": f"{chance.getrandbits(128):032x}",
            "session_id": f"session-{chance.randrange(50)}",
            "user_id": f"user-{chance.randrange(500)}",
            "module": chance.choice(("checkout", "catalog", "profile", "search")),
            "source": chance.choice(("backend", "frontend", "worker")),
            "extra_data": {"number": self._number, "own_id": own_id, "tenant": "acme"},
        }
        if own_id is not None:
            event["id"] = own_id
        _ADDITIONS[kind](event, chance)
        return event


def _add_log(event: dict[str, Any], chance: random.Random) -> None:
    event["level"] = chance.choice(LEVELS)
    event["message"] = "order was taken by the warehouse, parcel is on its way " + "x" * (
        chance.randrange(200)
    )
    event["count"] = chance.randrange(1, 4)


def _add_exception(event: dict[str, Any], chance: random.Random) -> None:
    event["level"] = "ERROR"
    event["exception"] = {
        "type": chance.choice(("TypeError", "ValueError", "KeyError")),
        "value": f"basket {chance.randrange(1_000)} is not there",
        "stacktrace": [{"filename": "basket.py", "lineno": 7, "function": "take"}],
    }


def _add_request(event: dict[str, Any], chance: random.Random) -> None:
    event["request_method"] = "GET"
    event["request_path"] = "/api/v1/orders/{id}"
    event["status_code"] = 200
    event["duration_ms"] = float(chance.choice((20, 180, 1_400, 3_100)))


def _add_query(event: dict[str, Any], chance: random.Random) -> None:
    event["statement"] = "SELECT total FROM orders WHERE id = ?"
    event["duration_ms"] = float(chance.choice((3, 40, 620, 2_000)))


_ADDITIONS = {
    "log": _add_log,
    "exception": _add_exception,
    "request": _add_request,
    "query": _add_query,
}
_SLOW_MS = {"request": 1_000, "query": 500}


def expected_content(event: Mapping[str, Any]) -> str:
    """Return the hash of the row that the event must become; empty where it becomes none."""
    kind = event["kind"]
    if kind in _SLOW_MS and event["duration_ms"] <= _SLOW_MS[kind]:
        return ""
    thrown = event.get("exception", {})
    return content_hash(
        {
            "kind": kind,
            "created_at": milliseconds_of(event["created_at"]),
            "own_id": event["extra_data"]["own_id"],
            "environment": "production",
            "release": "2026.11.2",
            "source": event["source"],
            "level": event.get("level"),
            "type": thrown.get("type"),
            "message": thrown.get("value", event.get("message")),
            "stacktrace": thrown.get("stacktrace"),
            "statement": event.get("statement"),
            "session_id": event["session_id"],
            "user_id": event["user_id"],
            "module": event["module"],
            "path": event.get("request_path"),
            "method": event.get("request_method"),
            "status": event.get("status_code"),
            "duration": event.get("duration_ms"),
            "count": event.get("count", 1),
            "extra": event["extra_data"],
        }
    )


def content_hash(content: Mapping[str, Any]) -> str:
    """Return a short hash of a row's content, the same whichever side it comes from."""
    encoded = msgspec.json.encode(content, order="sorted")
    return hashlib.blake2b(encoded, digest_size=8).hexdigest()


def milliseconds_of(moment: datetime) -> int:
    """Return whole milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def _whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)
