"""A batch: its id and its bytes for good, the same in every attempt."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from headwater_sdk.options import Settings
from headwater_sdk.record.events import encode
from headwater_sdk.record.ids import part_id, uuid7
from headwater_sdk.record.shrink import shrink
from headwater_sdk.stats import Place

VERSION = "0.1.0"
_SDK = {"name": "headwater-python", "version": VERSION}


@dataclass(eq=False)
class Batch:
    """One batch on its way."""

    id: str
    at: float
    """When its first event came, seconds since 1970."""
    count: int
    is_severe: bool
    """Whether it holds an error."""
    size: int
    body: bytes | None
    """Nothing while it lies in the spool."""
    path: Path | None = None
    """Where it lies in the spool."""
    is_foreign: bool = False
    """An earlier process' batch."""
    report: dict[str, int] = field(default_factory=dict)
    """The losses that it tells of."""
    attempts: int = 0
    """That failed."""
    is_trimmed: bool = False
    """Its one event was cut down."""

    @property
    def place(self) -> Place | None:
        """Return where its events count as waiting; None for an earlier process' events."""
        if self.is_foreign:
            return None
        return "queued" if self.path is None else "stored"


def seal(
    events: Sequence[bytes], at: float, settings: Settings, report: dict[str, int], *, severe: bool
) -> Batch:
    """Make a batch of events that are JSON already."""
    batch_id = uuid7(int(at * 1000))
    head: dict[str, object] = {"batch_id": batch_id}
    if settings.release:
        head["release"] = settings.release
    if settings.environment:
        head["environment"] = settings.environment
    head["sdk"] = _SDK
    if report:
        head["client_report"] = report
    body = b'%s,"events":[%s]}' % (encode(head)[:-1], b",".join(events))
    return Batch(batch_id, at, len(events), severe, len(body), body, report=report)


def halve(batch: Batch, body: bytes) -> list[Batch]:
    """Return two batches for one that is too large, or its only event cut down; nothing at last.

    The same batch gives the same parts, with the same ids and bytes: after a crash in between, the
    gateway knows them again.
    """
    document = json.loads(body)
    events = document.pop("events")
    middle = len(events) // 2
    if not middle:
        if batch.is_trimmed:
            return []
        shrink(events[0])
    parts = []
    for number, part in enumerate(one for one in (events[:middle], events[middle:]) if one):
        head = {**document, "batch_id": part_id(batch.id, number)}
        if number:
            head.pop("client_report", None)
        data = encode({**head, "events": part})
        parts.append(
            replace(
                batch,
                id=head["batch_id"],
                count=len(part),
                size=len(data),
                body=data,
                path=None,
                report={} if number else batch.report,
                attempts=0,
                is_trimmed=not middle,
            )
        )
    return parts
