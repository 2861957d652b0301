"""What every route that takes events shares: the parts it works with, and its steps.

A wire format is a subclass of `Endpoint` that says how a body is taken and how a refusal looks.
"""

import asyncio
import hmac
import traceback
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from starlette.types import Receive, Scope, Send

from libs.common.clock import Clock
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.metrics import Count, Metrics
from libs.common.time_limits import TimeLimit
from services.ingest.api import cors
from services.ingest.api.requests import (
    BodyLimits,
    ClientGone,
    Reply,
    RequestHead,
    answer,
    problem_reply,
    read_head,
)
from services.ingest.domain.batch import Arrival, Verdict, read_batch
from services.ingest.domain.errors import (
    IngestError,
    Unauthorized,
    Unavailable,
    Unexpected,
    WrongMethod,
)
from services.ingest.domain.foreign import BATCH_BYTES
from services.ingest.domain.inflight import Held, Inflight
from services.ingest.domain.keys import IngestKeyRecord, authenticate, check_origin
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.quota import Quotas
from services.ingest.domain.redaction import Redaction
from services.ingest.publisher import BatchPublisher
from services.ingest.settings import IngestSettings
from services.ingest.store.keys import KeyStore

log = get_logger(__name__)

_AT_ONCE_COUNT = 4
"""Batches of one request that are in memory and on their way to Kafka; the others come after."""


@dataclass(frozen=True)
class Intake:
    """What the routes work with; `app.py` joins it."""

    settings: IngestSettings
    limits: BatchLimits
    keys: KeyStore
    quotas: Quotas
    redaction: Redaction
    publisher: BatchPublisher
    inflight: Inflight
    metrics: Metrics
    clock: Clock
    secret: bytes = field(repr=False)

    @cached_property
    def body_limits(self) -> BodyLimits:
        """Return what a body may be."""
        return BodyLimits(self.limits.body_bytes, TimeLimit(self.settings.body_timeout))

    @cached_property
    def foreign_limits(self) -> BodyLimits:
        """Return what a body may be whose size the sender's SDK decides."""
        limit_bytes = self.settings.max_foreign_body_bytes
        return BodyLimits(limit_bytes, TimeLimit(self.settings.body_timeout))

    def authenticate(
        self, text: str | None, origin: str | None, headers: cors.Headers
    ) -> IngestKeyRecord:
        """Return the key; adds what lets the page read the answer, also a refusal.

        Raises Unauthorized, OriginRefused, or Unavailable where no keys are known yet.
        """
        keys = self.keys.keys
        if not self.keys.were_read.is_set():
            # 401 would make clients throw away what they hold
            raise Unavailable("the ingest keys were not read yet")
        try:
            key = authenticate(keys, text, self.clock.now())
        except Unauthorized:
            headers += cors.answer_headers(keys.values(), origin)
            raise
        if origin is not None:
            headers += cors.answer_headers((key,), origin)
        check_origin(key, origin)
        return key

    def arrival(self, key: IngestKeyRecord, sent_at: datetime | None, body: bytes) -> Arrival:
        """Return how a body came, just now."""
        return Arrival(key, self.clock.now(), sent_at, hmac.digest(self.secret, body, "sha256"))

    def judge(self, body: bytes, arrival: Arrival) -> Verdict:
        """Return what becomes of a batch; raises what `read_batch` raises."""
        verdict = read_batch(body, arrival, self.limits, self.redaction)
        self.count_hits(verdict.hits)
        return verdict

    async def publish_bodies(
        self, bodies: Iterable[bytes], arrival: Arrival, held: Held, until: float | None = None
    ) -> AsyncIterator[Verdict]:
        """Publish the batches of one request and yield their verdicts, a few at a time.

        Other requests have their turn between any two. Once the first is on its way none is refused
        for want of memory. Raises what `judge` and `publish_all` raise.
        """
        verdicts: list[Verdict] = []
        size = 0
        for body in bodies:
            if len(verdicts) >= _AT_ONCE_COUNT or (size and size + len(body) > BATCH_BYTES):
                await self.publisher.publish_all(verdicts, until)
                for verdict in verdicts:
                    yield verdict
                held.release(size)
                verdicts, size = [], 0
            held.grow(len(body))
            size += len(body)
            verdicts.append(self.judge(body, arrival))
            await asyncio.sleep(0)
        await self.publisher.publish_all(verdicts, until)
        for verdict in verdicts:
            yield verdict
        held.release(size)

    def count_hits(self, hits: Mapping[str, int]) -> None:
        """Count what was redacted, by rule."""
        count_of = self.metrics.count
        for rule, count in hits.items():
            count_of("headwater_redaction_hits_total", rule).value += count

    def count_bytes(self, body: bytes) -> None:
        """Count a decompressed body."""
        self._bytes.value += len(body)

    def count_answer(self, status: int) -> None:
        """Count an answer by its status."""
        self.metrics.count("headwater_ingest_requests_total", str(status)).value += 1

    @cached_property
    def _bytes(self) -> Count:
        return self.metrics.count("headwater_ingest_body_bytes_total")


@dataclass(slots=True)
class Post:
    """One request to an endpoint."""

    scope: Scope
    receive: Receive
    head: RequestHead
    headers: cors.Headers
    """What is added to the answer, also to a refusal."""


class Endpoint:
    """The ASGI application behind a path: it answers whatever happens."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        intake = self._intake
        headers: cors.Headers = []
        try:
            head = read_head(scope)
            if scope["method"] == "OPTIONS":
                await answer(send, *cors.preflight(intake.keys.keys, head))
                return
            if scope["method"] != "POST":
                raise WrongMethod("post a batch")
            status, body, own_headers = await self.take(Post(scope, receive, head, headers))
        except IngestError as error:
            status, body, own_headers = self.refusal(error, scope)
        except ClientGone:
            intake.count_answer(499)
            return
        except Exception as error:
            # without the error's text and the frames' variables: they hold what was posted
            frames = traceback.extract_tb(error.__traceback__)[-4:]
            where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            log.error("a batch broke the gateway", error=type(error).__name__, where=where)
            unexpected = Unexpected("our fault; the batch was not taken")
            status, body, own_headers = self.refusal(unexpected, scope)
        intake.count_answer(status)
        await answer(send, status, body, [*own_headers, *headers])

    async def take(self, post: Post) -> Reply:
        """Take what was posted; raises IngestError, ClientGone."""
        raise NotImplementedError

    def refusal(self, error: IngestError, _: Scope) -> Reply:
        """Return the answer to a request that was not taken."""
        return problem_reply(error)
