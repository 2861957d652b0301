"""Watching the live tail as a client does, and feeding it through Kafka."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from libs.common.clock import SystemClock
from libs.common.events import BatchRecord, ExceptionRow, LogRow, SampleRow, encode_batch
from libs.common.events.records import BatchHeader
from libs.common.ids import batch_key, new_uuid7
from libs.common.kafka.follower import TopicFollower
from libs.common.kafka.producer import KafkaPublisher
from services.query.consumer import TailHub, TailLimits

TAIL = "/api/v1/logging/logs/tail"


@dataclass
class Message:
    """One server-sent event."""

    name: str
    data: Any
    id: str | None


@dataclass
class Stream:
    """An open tail, read message by message."""

    response: httpx.Response
    last_id: str | None = None
    _lines: AsyncIterator[str] | None = None

    async def next(self) -> Message:
        """Return the next message of any kind."""
        if self._lines is None:
            self._lines = self.response.aiter_lines()
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line == "":
                if "data" in fields:
                    break
                continue
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            raise EOFError("the stream is over")
        self.last_id = fields.get("id", self.last_id)
        return Message(fields["event"], json.loads(fields["data"]), fields.get("id"))

    async def until(self, name: str) -> Message:
        """Return the next message of a kind."""
        async with asyncio.timeout(20):
            while True:
                message = await self.next()
                if message.name == name:
                    return message

    async def events(self, count: int) -> list[str]:
        """Return what the next events say; samples by their statement."""
        found = []
        for _ in range(count):
            data = (await self.until("event")).data
            found.append(data.get("message") or data.get("statement"))
        return found


@contextlib.asynccontextmanager
async def watch(client: httpx.AsyncClient, **query: Any) -> AsyncIterator[Stream]:
    """Open a tail."""
    last = query.pop("last_id", None)
    headers = {"last-event-id": last} if last else {}
    async with client.stream("GET", TAIL, params=query, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        assert (await stream.next()).name == "open"
        yield stream


def log_row(message: str, **fields: Any) -> LogRow:
    """Return a log as Kafka carries it."""
    now = fields.pop("created_at", None) or datetime.now(UTC)
    values: dict[str, Any] = {
        **dict.fromkeys(LogRow.__struct_fields__),
        "created_at": now,
        "id": new_uuid7(now),
        "received_at": now,
        "application": "shop",
        "source": "backend",
        "level": "INFO",
        "message": message,
        "count": 1,
        **fields,
    }
    return LogRow(**values)


def exception_row(message: str, **fields: Any) -> ExceptionRow:
    """Return an exception as Kafka carries it."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        **dict.fromkeys(ExceptionRow.__struct_fields__),
        "created_at": now,
        "id": new_uuid7(now),
        "received_at": now,
        "application": "shop",
        "source": "backend",
        "level": "ERROR",
        "exception_type": "TypeError",
        "message": message,
        "stacktrace": '[{"function": "f"}]',
        "count": 1,
        **fields,
    }
    return ExceptionRow(**values)


def query_row(statement: str) -> SampleRow:
    """Return a slow query as Kafka carries it."""
    return sample_row("query", statement=statement)


def sample_row(kind: str, **fields: Any) -> SampleRow:
    """Return a slow request or query as Kafka carries it."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        **dict.fromkeys(SampleRow.__struct_fields__),
        "created_at": now,
        "id": new_uuid7(now),
        "received_at": now,
        "application": "shop",
        "source": "backend",
        "kind": kind,
        "duration_ms": 700.0,
        "count": 1,
        **fields,
    }
    return SampleRow(**values)


@dataclass
class Feed:
    """Publishes batches to one topic, as the gateway does."""

    publisher: KafkaPublisher
    topic: str

    async def send(self, *rows: Any, batch_id: UUID | None = None, **header: Any) -> None:
        """Publish one batch."""
        known = batch_id or uuid4()
        now = datetime.now(UTC)
        batch = BatchRecord(
            BatchHeader("shop", known, "key", now, b"hmac", **header),
            [row for row in rows if isinstance(row, LogRow)],
            [row for row in rows if isinstance(row, ExceptionRow)],
            [row for row in rows if isinstance(row, SampleRow)],
        )
        await self.publisher.publish(self.topic, batch_key("shop", known), encode_batch(batch))

    async def say(self, *messages: str) -> None:
        """Publish one batch of logs."""
        await self.send(*(log_row(message) for message in messages))


@contextlib.asynccontextmanager
async def feeding(connection: dict[str, str], topic: str) -> AsyncIterator[Feed]:
    """Open a publisher."""
    publisher = KafkaPublisher(connection, SystemClock())
    await publisher.start()
    try:
        yield Feed(publisher, topic)
    finally:
        await publisher.stop()


@contextlib.asynccontextmanager
async def opened_hub(
    connection: dict[str, str], topic: str, limits: TailLimits | None = None
) -> AsyncIterator[TailHub]:
    """Open a hub as a query process has one."""
    hub = TailHub(lambda: TopicFollower(topic, connection), SystemClock(), limits)
    try:
        yield hub
    finally:
        await hub.close()
