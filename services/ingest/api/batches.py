"""`POST /api/v1/ingest/batches`: Headwater's own wire format."""

import hmac
import traceback
from dataclasses import dataclass
from functools import cached_property

import msgspec
from starlette.types import Receive, Scope, Send

from libs.common.clock import Clock
from libs.common.kafka.producer import Receipt
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.metrics import Metrics
from libs.common.time_limits import TimeLimit
from services.ingest.api import cors
from services.ingest.api.requests import (
    JSON,
    BodyLimits,
    ClientGone,
    RequestHead,
    answer,
    answer_problem,
    read_body,
    read_head,
)
from services.ingest.domain.batch import Arrival, Verdict, read_batch
from services.ingest.domain.body import inflate
from services.ingest.domain.errors import (
    IngestError,
    Unauthorized,
    Unavailable,
    Unexpected,
    UnsupportedType,
    WrongMethod,
)
from services.ingest.domain.inflight import Inflight
from services.ingest.domain.keys import IngestKeyRecord, authenticate, check_origin
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.quota import Quotas
from services.ingest.domain.redaction import Redaction
from services.ingest.publisher import BatchPublisher
from services.ingest.settings import IngestSettings
from services.ingest.store.keys import KeyStore

log = get_logger(__name__)

PATH = "/api/v1/ingest/batches"
_TYPES = ("", "application/json", "text/plain")
_JSON_HEADERS = [(b"content-type", JSON), (b"cache-control", b"no-store")]


@dataclass(frozen=True)
class BatchRoute:
    """What the route works with; `app.py` joins it."""

    settings: IngestSettings
    limits: BatchLimits
    keys: KeyStore
    quotas: Quotas
    redaction: Redaction
    publisher: BatchPublisher
    inflight: Inflight
    metrics: Metrics
    clock: Clock
    secret: bytes

    @cached_property
    def body_limits(self) -> BodyLimits:
        """Return what a body may be."""
        return BodyLimits(self.limits.body_bytes, TimeLimit(self.settings.body_timeout))


class BatchEndpoint:
    """The ASGI application behind the path."""

    def __init__(self, route: BatchRoute) -> None:
        self._route = route
        metrics = route.metrics
        self._requests = metrics.counter("headwater_ingest_requests_total")
        self._accepted = self._requests.labels("202")
        self._bytes = metrics.counter("headwater_ingest_body_bytes_total")
        self._hits = metrics.counter("headwater_redaction_hits_total")
        metrics.gauge("headwater_ingest_inflight_bytes").set_function(
            lambda: route.inflight.held_bytes
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        route = self._route
        headers: cors.Headers = []
        try:
            head = read_head(scope)
            if scope["method"] == "OPTIONS":
                await answer(send, *cors.preflight(route.keys.keys, head))
                return
            if scope["method"] != "POST":
                raise WrongMethod("post a batch")
            key = self._authenticate(head, headers)
            verdict, receipt = await self._take(receive, head, key)
        except IngestError as error:
            await self._refuse(send, error, headers)
        except ClientGone:
            self._requests.labels("499").inc()
        except Exception as error:
            # without the error's text and the frames' variables: they hold what was posted
            frames = traceback.extract_tb(error.__traceback__)[-4:]
            where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            log.error("a batch broke the gateway", error=type(error).__name__, where=where)
            await self._refuse(send, Unexpected("our fault; the batch was not taken"), headers)
        else:
            self._accepted.inc()
            await answer(send, 202, _document(verdict, receipt), [*_JSON_HEADERS, *headers])

    def _authenticate(self, head: RequestHead, headers: cors.Headers) -> IngestKeyRecord:
        """Return the key; adds what lets the page read the answer, also a refusal."""
        route = self._route
        keys = route.keys.keys
        if route.keys.refreshed_at is None:
            # 401 would make clients throw away what they hold
            raise Unavailable("the ingest keys were not read yet")
        try:
            key = authenticate(keys, head.key, route.clock.now())
        except Unauthorized:
            headers += cors.answer_headers(keys.values(), head.origin)
            raise
        if head.origin is not None:
            headers += cors.answer_headers((key,), head.origin)
        check_origin(key, head.origin)
        return key

    async def _take(
        self, receive: Receive, head: RequestHead, key: IngestKeyRecord
    ) -> tuple[Verdict, Receipt | None]:
        route = self._route
        if head.content_type not in _TYPES:
            raise UnsupportedType("send application/json")
        route.quotas.check(key)
        route.inflight.check(head.content_length or 0)
        with route.inflight.hold() as held:
            sent = await read_body(receive, head.content_length, route.body_limits, held)
            body = inflate(sent, head.content_encoding, route.limits.body_bytes)
            if body is not sent:
                held.add(len(body))
            verdict = self._read(body, key, head)
            del sent, body
            return verdict, await route.publisher.publish(verdict)

    def _read(self, body: bytes, key: IngestKeyRecord, head: RequestHead) -> Verdict:
        route = self._route
        arrival = Arrival(
            key, route.clock.now(), head.sent_at, hmac.digest(route.secret, body, "sha256")
        )
        verdict = read_batch(body, arrival, route.limits, route.redaction)
        route.quotas.take(key, verdict.event_count)
        self._bytes.inc(len(body))
        for rule, count in verdict.hits.items():
            self._hits.labels(rule).inc(count)
        return verdict

    async def _refuse(self, send: Send, error: IngestError, headers: cors.Headers) -> None:
        self._requests.labels(str(error.status)).inc()
        await answer_problem(send, error, headers)


def _document(verdict: Verdict, receipt: Receipt | None) -> bytes:
    document: dict[str, object] = {
        "batch_id": verdict.batch_id,
        "accepted": verdict.record.event_count,
        "rejected": [
            {"index": index, "reason": reason} for index, reason in verdict.rejected.items()
        ],
        "receipt": None
        if receipt is None
        else {"partition": receipt.partition, "offset": receipt.offset},
    }
    if not verdict.is_exactly_once:
        document["exactly_once"] = False
    return msgspec.json.encode(document)
