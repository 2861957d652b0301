"""Makes events: redacted before the application's own hook sees them and again after it."""

import copy
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from headwater_sdk.options import Event, Settings
from headwater_sdk.record.columns import changed_event, plain_event
from headwater_sdk.record.ids import uuid7
from headwater_sdk.record.plain import Plain
from headwater_sdk.record.shrink import shrink
from headwater_sdk.redaction import Redactor
from headwater_sdk.stats import Stats

EVENT_BYTES = 60_000
"""The gateway takes 64 KiB, and may add to an event."""


class EventMaker:
    """Turns what was captured into what is sent."""

    def __init__(self, settings: Settings, stats: Stats) -> None:
        self._settings = settings
        self._context = Plain().value(dict(settings.context))
        self._redactor = Redactor(settings.redact)
        self._stats = stats
        self._seq = 0

    def make(self, content: Event, at: float) -> Event | None:
        """Return the event, or nothing where the application's hook drops it."""
        event = self._stamped(self._redacted(plain_event(content, self._context)), at)
        hook = self._settings.before_send
        if hook is None:
            return event
        try:
            # A copy of its own: whatever the hook does to it before it fails, ours stays as it is.
            changed = hook(copy.deepcopy(event))
            return None if changed is None else self._redacted(changed_event(changed, event))
        except (Exception, SystemExit):  # its own failure: the event as it was is safe to send
            self._stats.note("hook_failed")
            return event

    def summary(self, event: Event, count: int, first_at: float, last_at: float) -> Event:
        """Return the event that stands for repeats of another."""
        extra = {**event["extra_data"], "first_ts": _iso(first_at)}
        return self._stamped({**event, "count": count, "extra_data": extra}, last_at)

    def write(self, event: Event) -> bytes:
        """Return the event as JSON, small enough for the gateway."""
        data = encode(event)
        if len(data) > EVENT_BYTES:
            shrink(event)
            data = encode(event)
        return data

    def _stamped(self, event: Event, at: float) -> Event:
        self._seq += 1
        return {
            **event,
            "source": event.get("source") or self._settings.source,
            "id": uuid7(int(at * 1000)),
            "created_at": _iso(at),
            "extra_data": {**event["extra_data"], "seq": self._seq},
        }

    def _redacted(self, event: Event) -> Event:
        hits: Counter[str] = Counter()
        statement = event.get("statement")
        if isinstance(statement, str):
            event = {**event, "statement": self._redactor.redact_statement(statement)}
        redacted: Event = self._redactor.redact(event, hits)
        if hits:
            self._stats.note("redacted", hits.total())
        return redacted


def encode(value: Any) -> bytes:
    """Write plain values as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
