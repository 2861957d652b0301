"""The bench's events: mixed kinds, unique trace ids, every tenth dirty, about 500 bytes each."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from libs.common.ids import uuid7

_MODULES = tuple(
    f"{area}.{part}"
    for area in ("api", "auth", "checkout", "search", "billing", "stock")
    for part in ("handlers", "client", "jobs", "cache")
)
_PATHS = (
    "/api/v1/orders/{id}",
    "/api/v1/search",
    "/api/v1/sessions",
    "/api/v1/carts/{id}/items",
    "/api/v1/reports",
)
_WORDS = (
    "order was placed and reserved in the warehouse",
    "cache miss while loading the price list of a tenant",
    "payment provider answered after a retry",
    "user opened the settings page and changed the language",
    "worker finished the nightly import without errors",
    "connection to the upstream was reset, trying the next host",
)
_LEVELS = ("DEBUG", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "WARNING", "WARNING", "ERROR")
_DIRTY_EVERY = 10
_EXCEPTION_EVERY = 50
_SAMPLE_EVERY = 25


def make_event(index: int, now: datetime, source: random.Random) -> dict[str, object]:
    """Make one event of the mix; its trace id occurs nowhere else."""
    created_at = now - timedelta(milliseconds=source.randrange(2_000))
    moment_ms = int(created_at.timestamp() * 1_000)
    event: dict[str, object] = {
        "kind": "log",
        "id": str(uuid7(moment_ms, source.randbytes(10))),
        "created_at": datetime.fromtimestamp(moment_ms / 1_000, UTC).isoformat(),
        "level": source.choice(_LEVELS),
        "source": "backend",
        "trace_id": source.randbytes(16).hex(),
        "session_id": source.randbytes(8).hex(),
        "user_id": f"u-{source.randrange(20_000):05}",
        "module": source.choice(_MODULES),
        "request_path": source.choice(_PATHS),
        "request_method": source.choice(("GET", "POST")),
        "status_code": source.choice((200, 200, 200, 201, 404, 500)),
        "duration_ms": round(source.expovariate(1 / 40), 2),
        "extra_data": {"tenant": f"t{source.randrange(200)}", "cart": source.randrange(9)},
    }
    if index % _EXCEPTION_EVERY == 7:
        event["kind"] = "exception"
        event["level"] = "ERROR"
        event["exception"] = {
            "type": "TypeError",
            "value": "cannot read properties of undefined",
            "stacktrace": [
                {"file": "checkout.js", "function": f"step{n}", "line": 10 * n} for n in range(6)
            ],
        }
    elif index % _SAMPLE_EVERY == 3:
        event["kind"] = "request"
        event["duration_ms"] = round(source.expovariate(1 / 400), 2)
    else:
        event["message"] = f"{source.choice(_WORDS)} {source.choice(_WORDS)} item {index % 977}"
    if index % _DIRTY_EVERY == 5:
        event["extra_data"] = {"password": "hunter2-hunter2", "cart": 3}
    return event


def make_bodies(event_count: int, batch_size: int, seed: int) -> Iterator[bytes]:
    """Yield the JSON bodies of batches of one size, `event_count` events in all."""
    source = random.Random(seed)
    for start in range(0, event_count, batch_size):
        now = datetime.now(UTC)
        batch = {
            "batch_id": str(UUID(bytes=source.randbytes(16), version=4)),
            "release": "2026.11.2",
            "environment": "production",
            "sdk": {"name": "bench", "version": "1"},
            "events": [
                make_event(start + n, now, source)
                for n in range(min(batch_size, event_count - start))
            ],
        }
        yield msgspec.json.encode(batch)
