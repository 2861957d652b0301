"""Cuts events into batches whose ids stay the same over all attempts."""

import gzip
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

BATCH_SIZE = 500


def make_batches(events: list[dict[str, Any]], run_id: UUID) -> Iterator[tuple[int, bytes]]:
    """Yield the number of events and the gzipped body of each batch of a run."""
    for number, start in enumerate(range(0, len(events), BATCH_SIZE)):
        part = events[start : start + BATCH_SIZE]
        batch = {
            "batch_id": str(uuid5(run_id, str(number))),
            "environment": "demo",
            "sdk": {"name": "headwater-demo", "version": "1"},
            "events": part,
        }
        yield len(part), gzip.compress(json.dumps(batch).encode(), mtime=0)
