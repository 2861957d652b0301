"""Batches with rows that PostgreSQL refuses, published past the gateway, which would mend them."""

import asyncio
import time
from datetime import timedelta
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from libs.common.clock import SystemClock
from libs.common.events import BatchRecord, LogRow, encode_batch
from libs.common.events.records import BatchHeader
from libs.common.ids import batch_key, new_uuid7
from tests.faults.events import content_hash, milliseconds_of
from tests.faults.oracle import Allowance
from tests.faults.scene import Scene

KEY_ID = "poison"
EVENT_COUNT = 100
POISONS = (
    {"message": "a NUL \0 in the text"},
    {"extra_data": '{"a": "\\u0000"}'},
    {"extra_data": "{not json"},
)


class PoisonProducer:
    """Publishes batches of a hundred, and remembers what has to become of them."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._clock = SystemClock()
        self._tokens: dict[str, str] = {}
        self._poison_count = 0
        self._producer = AIOKafkaProducer(
            bootstrap_servers=scene.servers.direct_bootstrap, acks="all"
        )

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    @property
    def allowance(self) -> Allowance:
        """Return what the oracle has to find of all that was published."""
        return Allowance(dead_letter_count=self._poison_count, foreign_tokens=self._tokens)

    async def drain(self, *, batch_count: int, poison_every: int) -> float:
        """Publish batches, one row of every so-manieth poisoned; return the time until stored."""
        batches = [
            self._batch(poisoned=poison_every > 0 and number % poison_every == 0)
            for number in range(batch_count)
        ]
        began = time.monotonic()
        sends = [
            await self._producer.send(self._scene.topic.name, encode_batch(batch), key)
            for key, batch in batches
        ]
        places: list[RecordMetadata] = await asyncio.gather(*sends)
        await self._scene.wait_for(
            "the batches past the gateway are stored",
            lambda: all(
                self._scene.watch.stored.get(place.partition, 0) > place.offset for place in places
            ),
            timedelta(seconds=60),
        )
        return time.monotonic() - began

    def _batch(self, *, poisoned: bool) -> tuple[bytes, BatchRecord]:
        now = self._clock.now()
        batch_id = self._scene.new_uuid()
        header = BatchHeader("faults", batch_id, KEY_ID, now, batch_id.bytes * 2)
        rows = [self._row() for _ in range(EVENT_COUNT)]
        if poisoned:
            spoiled = rows[self._poison_count % EVENT_COUNT]
            for name, value in POISONS[self._poison_count % len(POISONS)].items():
                setattr(spoiled, name, value)
            self._poison_count += 1
            del self._tokens[str(spoiled.trace_id)]
        return batch_key("faults", batch_id), BatchRecord(header, rows)

    def _row(self) -> LogRow:
        now = self._clock.now()
        token = self._scene.new_uuid().hex
        self._tokens[token] = content_hash(_content(now))
        return LogRow(
            created_at=now,
            id=new_uuid7(now),
            received_at=now,
            application="faults",
            environment="production",
            release=None,
            source="backend",
            level="INFO",
            message="past the gateway",
            trace_id=token,
            session_id=None,
            user_id=None,
            module=None,
            request_path=None,
            request_method=None,
            status_code=None,
            duration_ms=None,
            count=1,
            extra_data=None,
        )


def _content(created_at: Any) -> dict[str, Any]:
    empty = dict.fromkeys(
        ("own_id", "release", "type", "stacktrace", "statement", "session_id", "user_id", "module",
         "path", "method", "status", "duration")
    )  # fmt: skip
    return empty | {
        "kind": "log",
        "created_at": milliseconds_of(created_at),
        "environment": "production",
        "source": "backend",
        "level": "INFO",
        "message": "past the gateway",
        "count": 1,
        "extra": {},
    }
