"""Events of other wire formats as batches of ours, so that they share all that comes after.

A request of another format may hold more events than a batch, of several releases: it becomes
several batches, the same ones in every attempt, each with an id derived from the request's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec

from services.ingest.domain.limits import BatchLimits

BATCH_BYTES = 4 * 1024 * 1024
"""As JSON; the rows made of it stay well below what a Kafka record may hold."""
_OPEN_COUNT = 32
"""Batches that are filled at once: one sender rarely has two releases."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What our batches say once for all of their events."""

    release: str | None = None
    environment: str | None = None
    sdk_name: str | None = None
    sdk_version: str | None = None


Headed = tuple[Heading, dict[str, Any]]
"""An event as clients of ours send it, and what its batch says."""


@dataclass(slots=True)
class _Open:
    events: list[bytes] = field(default_factory=list)
    size_bytes: int = 0


def request_id(application: str, body_hmac: bytes) -> UUID:
    """Return the id of a request whose sender gave none: the same bytes have the same id."""
    return uuid5(uuid5(NAMESPACE_OID, application), body_hmac.hex())


def batch_bodies(events: Iterable[Headed], first_id: UUID, limits: BatchLimits) -> Iterator[bytes]:
    """Yield bodies of batches that hold the events, each within the limits and of one heading.

    The first batch has `first_id`, the n-th after it an id derived from both. The same events give
    the same bodies.
    """
    for number, (heading, batch) in enumerate(_split(events, limits)):
        batch_id = uuid5(first_id, str(number)) if number else first_id
        yield _body(batch_id, heading, batch)


def _split(events: Iterable[Headed], limits: BatchLimits) -> Iterator[tuple[Heading, list[bytes]]]:
    still_open: dict[Heading, _Open] = {}
    for heading, event in events:
        raw = msgspec.json.encode(event)
        batch = still_open.get(heading)
        if batch is not None and (
            len(batch.events) >= limits.event_count or batch.size_bytes + len(raw) > BATCH_BYTES
        ):
            del still_open[heading]
            yield heading, batch.events
            batch = None
        if batch is None:
            if len(still_open) >= _OPEN_COUNT:
                oldest = next(iter(still_open))
                yield oldest, still_open.pop(oldest).events
            batch = still_open[heading] = _Open()
        batch.events.append(raw)
        batch.size_bytes += len(raw)
    for heading, batch in still_open.items():
        yield heading, batch.events


def _body(batch_id: UUID, heading: Heading, events: list[bytes]) -> bytes:
    envelope: dict[str, Any] = {
        "batch_id": batch_id,
        "release": heading.release,
        "environment": heading.environment,
    }
    if heading.sdk_name:
        envelope["sdk"] = {"name": heading.sdk_name, "version": heading.sdk_version or ""}
    return b'%b,"events":[%b]}' % (msgspec.json.encode(envelope)[:-1], b",".join(events))
