"""Makes what the gateway's tests need: keys, arrivals, bodies, and the real redaction engine."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from libs.common.access_keys import hash_secret
from libs.common.redaction import Redactor, load_rules
from services.ingest.app import RedactionRules
from services.ingest.domain.batch import Arrival, Verdict, read_batch
from services.ingest.domain.keys import IngestKeyRecord
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.sentry_envelope import SentryEnvelope, divide, read_first_line

NOW = datetime(2026, 11, 24, 12, 30, 15, 250_000, tzinfo=UTC)
BATCH_ID = UUID("0192aacc-11ee-7e00-a000-aabbccddeeff")
SECRET = "s3cretOfTheKey"
LIMITS = BatchLimits()


@lru_cache(maxsize=1)
def redaction() -> RedactionRules:
    """Return the real engine with the built-in rules."""
    return RedactionRules(Redactor(load_rules(None)))


def key_record(**changes: Any) -> IngestKeyRecord:
    """Return a server key; `changes` name the columns that differ."""
    columns: dict[str, Any] = {
        "id": "k1",
        "secret_hash": hash_secret(SECRET),
        "previous_secret_hash": None,
        "previous_valid_until": None,
        "application": "shop",
        "kind": "server",
        "origins": (),
        "may_backfill": False,
        "events_per_minute": None,
        "is_enabled": True,
    }
    return IngestKeyRecord(**(columns | changes))


def browser_key(**changes: Any) -> IngestKeyRecord:
    """Return a browser key of one page."""
    columns: dict[str, Any] = {"kind": "browser", "origins": ("https://shop.example.com",)}
    return key_record(**(columns | changes))


def arrival(
    key: IngestKeyRecord | None = None,
    *,
    received_at: datetime = NOW,
    sent_at: datetime | None = None,
) -> Arrival:
    """Return how a body came."""
    return Arrival(key or key_record(), received_at, sent_at, b"h" * 32)


def log_event(message: str = "it happened", **fields: Any) -> dict[str, Any]:
    """Return a log event as clients send it."""
    return {"kind": "log", "message": message, **fields}


def body_of(*events: Any, **envelope: Any) -> bytes:
    """Return the body of a batch."""
    return msgspec.json.encode({"batch_id": BATCH_ID, **envelope, "events": list(events)})


def raw_body(*events: str) -> bytes:
    """Return the body of a batch whose events are given as they are on the wire."""
    return f'{{"batch_id":"{BATCH_ID}","events":[{",".join(events)}]}}'.encode()


def read(body: bytes, how: Arrival | None = None, limits: BatchLimits = LIMITS) -> Verdict:
    """Read a body as the gateway does."""
    return read_batch(body, how or arrival(), limits, redaction())


def read_envelope(body: bytes) -> SentryEnvelope:
    """Read a whole Sentry envelope, as its door does by and by."""
    return divide(read_first_line(body))


def iso(moment: datetime) -> str:
    """Return a time as JSON holds it."""
    return moment.isoformat()


def ago(**delta: float) -> datetime:
    """Return a time before `NOW`."""
    return NOW - timedelta(**delta)
