"""`POST /api/{project}/envelope/` and `/store/`: what Sentry's SDKs send, unchanged.

These clients throw away what they are refused, so a body waits for Kafka before it is, and an event
that is too large is trimmed.
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
from starlette.types import Scope

from services.ingest.api.intake import Endpoint, Intake, Post
from services.ingest.api.requests import JSON, Reply, problem_reply, query_values, read_body
from services.ingest.domain.batch import Arrival
from services.ingest.domain.body import inflate_any
from services.ingest.domain.density import OBJECT_BYTES, count_json_objects
from services.ingest.domain.errors import (
    IngestError,
    MalformedBody,
    RateLimited,
    Unauthorized,
    Unavailable,
    UnknownDsn,
)
from services.ingest.domain.foreign import Headed, batch_bodies, request_id
from services.ingest.domain.inflight import Inflight
from services.ingest.domain.keys import IngestKeyRecord
from services.ingest.domain.repair import Unmendable, decode_leniently
from services.ingest.domain.sentry_envelope import (
    Item,
    SentryEnvelope,
    divide,
    event_id_of,
    read_first_line,
)
from services.ingest.domain.sentry_items import EVENT_BYTES, Reading, makes_events, read_items
from services.ingest.domain.sentry_source import redact_source
from services.ingest.domain.trim import fit_event

PATHS = re.compile(r"/api/[A-Za-z0-9_-]{1,64}/(?:envelope|store)/?")
_HEADERS = [(b"content-type", JSON), (b"cache-control", b"no-store")]
_KEY = re.compile(r"(?:^|[\s,])sentry_key\s*=\s*\"?(\w+)")
_LIMITED = "default;error;transaction;span;log_item;log_byte"
"""Sentry's categories of what we store; a client report passes, which says what was lost."""


class SentryEndpoint(Endpoint):
    """The ASGI application behind both paths.

    Which project a DSN names says nothing: its key says which application it is.
    """

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake)
        self._waiting = Inflight(intake.settings.waiting_bytes)
        # SDKs that send through a tunnel say their key in the body only
        unknown_bytes = intake.settings.waiting_bytes // 4
        self._unknown = Inflight(max(unknown_bytes, intake.limits.body_bytes))
        self._ignored = intake.metrics.counter("headwater_ingest_ignored_items_total")
        self._losses = intake.metrics.counter("headwater_ingest_client_losses_total")

    async def take(self, post: Post) -> Reply:
        """Answer 200 once Kafka has what the envelope holds."""
        intake = self._intake
        until = intake.clock.monotonic() + intake.settings.sentry_patience.total_seconds()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(intake.settings.sentry_patience.total_seconds()):
                await intake.keys.were_read.wait()
        said = _said_keys(post.scope)
        is_store = post.scope["path"].rstrip("/").endswith("store")
        # a bare event has no header that could say the key
        key = self._authenticate(said, post) if said or is_store else None
        body = await self._read(post, is_known=key is not None)
        with self._waiting.hold() as held:
            envelope = self._bare(body) if is_store else read_first_line(body)
            if envelope.public_key is not None:
                said.add(envelope.public_key)
            if key is None or len(said) > 1:
                key = self._authenticate(said, post)
            held.add(len(body))
            intake.count_bytes(body)
            del body
            event_id = envelope.event_id
            arrival = intake.arrival(key, envelope.sent_at, envelope.content)
            reading = self._items_of(envelope, arrival)
            # from here on nothing is refused for want of memory: a part of it may be published
            del envelope
            held.become(reading.object_count * OBJECT_BYTES)
            first_id = event_id or request_id(key.application, arrival.body_hmac)
            bodies = batch_bodies(self._fitted(reading.events), first_id, intake.limits)
            async for _ in intake.publish_bodies(bodies, arrival, held, until):
                pass
        said_id = msgspec.json.encode({"id": event_id.hex} if event_id else {})
        return _readable((200, said_id, _HEADERS), post.scope)

    def refusal(self, error: IngestError, scope: Scope) -> Reply:
        """Return the answer: what may pass becomes a short rate limit, the only wait they know."""
        if isinstance(error, Unauthorized):
            error = UnknownDsn("the DSN's public key is no valid ingest key")
        if not isinstance(error, RateLimited | Unavailable):
            return _readable(problem_reply(error), scope)
        seconds = error.retry_after_s or 1
        limited = RateLimited(error.detail)
        limited.retry_after_s = seconds
        status, body, headers = problem_reply(limited)
        limits = f"{seconds}:{_LIMITED}:key:{error.reason}".encode()
        headers.append((b"x-sentry-rate-limits", limits))
        return _readable((status, body, headers), scope)

    async def _read(self, post: Post, *, is_known: bool) -> bytes:
        """Return the body, inflated; what nobody answers for yet fills a room of its own only."""
        intake, head = self._intake, post.head
        room, limits = self._waiting, intake.foreign_limits
        if not is_known:
            room, limits = self._unknown, intake.body_limits
        room.check(head.content_length or 0)
        with room.hold() as held:
            sent = await read_body(post.receive, head.content_length, limits, held)
            return inflate_any(sent, head.content_encoding, limits.size_bytes)

    def _authenticate(self, said: set[str], post: Post) -> IngestKeyRecord:
        """Return the one key that was said; raises Unauthorized, OriginRefused, Unavailable."""
        text = next(iter(said)) if len(said) == 1 else None
        del post.headers[:]
        return self._intake.authenticate(text, post.head.origin, post.headers)

    def _items_of(self, envelope: SentryEnvelope, arrival: Arrival) -> Reading:
        """Return what is in the envelope, counted and within the quota."""
        intake, key = self._intake, arrival.key
        if not envelope.items:
            envelope = divide(envelope)
        if makes_events(envelope):
            intake.quotas.check(key)
        reading = read_items(envelope, intake.limits)
        count = reading.event_count + reading.rejected.total()
        if count:
            intake.quotas.take(key, count)
        self._count(reading)
        intake.publisher.reject(key, arrival.received_at, reading.rejected)
        return reading

    def _bare(self, body: bytes) -> SentryEnvelope:
        """Return an event that came without an envelope as if it had one."""
        header: dict[str, str] = {}
        if len(body) <= EVENT_BYTES:  # a larger one is rejected undecoded
            count_json_objects(body, self._intake.limits)
            try:
                event_id = event_id_of(decode_leniently(body))
            except Unmendable as error:
                raise MalformedBody("not a JSON event") from error
            if event_id:
                header["event_id"] = event_id.hex
        return SentryEnvelope(header, [Item("event", body)], body)

    def _fitted(self, events: Iterable[Headed]) -> Iterator[Headed]:
        intake = self._intake
        hits: Counter[str] = Counter()
        for heading, event in events:
            redact_source(event, intake.redaction.redact_text, hits)
            yield heading, fit_event(event, intake.limits, intake.redaction, hits)
        intake.count_hits(hits)

    def _count(self, reading: Reading) -> None:
        for kind, count in reading.ignored.items():
            self._ignored.labels(kind).inc(count)
        for (reason, category), count in reading.losses.items():
            self._losses.labels(reason, category).inc(count)


def _readable(reply: Reply, scope: Scope) -> Reply:
    """Return the answer as its reader needs it: a page gets no body.

    Chromium takes a request for unfinished until the body of its answer was read, which Sentry's
    SDK never does, and lets a page have 64 KiB of unfinished `keepalive` requests: some 25 events.
    """
    status, body, headers = reply
    if any(name == b"origin" for name, _ in scope["headers"]):
        return status, b"", [pair for pair in headers if pair[0] != b"content-type"]
    return status, body, headers


def _said_keys(scope: Scope) -> set[str]:
    """Return the keys that the head names, in a header or the query; they have to agree."""
    said: set[str] = set()
    for name, value in scope["headers"]:
        if name == b"x-sentry-auth":
            said.update(_KEY.findall(value.decode("latin-1")))
    if scope["query_string"]:
        said |= query_values(scope["query_string"], "sentry_key")
    return said
