"""`POST /api/v1/ingest/batches`: Headwater's own wire format."""

import hmac
from dataclasses import dataclass

import msgspec
from starlette.types import Receive, Scope, Send

from libs.common.clock import Clock
from libs.common.kafka.producer import Receipt
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.metrics import Metrics
from services.ingest.api import cors
from services.ingest.api.requests import (
    JSON,
    ClientGone,
    answer,
    answer_problem,
    read_body,
    read_head,
)
from services.ingest.domain.batch import Arrival, Redaction, Verdict, read_batch
from services.ingest.domain.body import inflate
from services.ingest.domain.errors import IngestError, Unavailable, UnsupportedType
from services.ingest.domain.keys import IngestKeyRecord, authenticate, check_origin
from services.ingest.domain.ledger import Ledger
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.quota import Quotas
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
    ledger: Ledger
    metrics: Metrics
    clock: Clock
    secret: bytes


class BatchEndpoint:
    """The ASGI application behind the path."""

    def __init__(self, route: BatchRoute) -> None:
        self._route = route
        self._inflight = 0
        metrics = route.metrics
        self._requests = metrics.counter("headwater_ingest_requests_total")
        self._accepted = self._requests.labels("202")
        self._bytes = metrics.counter("headwater_ingest_body_bytes_total")
        self._hits = metrics.counter("headwater_redaction_hits_total")
        metrics.gauge("headwater_ingest_inflight_bytes").set_function(lambda: self._inflight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = scope["method"]
        headers: cors.Headers = []
        try:
            head = read_head(scope)
            if method == "OPTIONS":
                await answer(send, *cors.preflight(self._route.keys.keys, head))
                return
            if method != "POST":
                await answer(send, 405, b"", [(b"allow", b"POST, OPTIONS")])
                return
            now = self._route.clock.now()
            key = authenticate(self._route.keys.keys, head.key, now)
            if head.origin is not None:
                headers = cors.answer_headers(key, head.origin)
            check_origin(key, head.origin)
            if head.content_type not in _TYPES:
                raise UnsupportedType("send application/json")
            sent = await self._read(receive, head.content_length)
            self._inflight += len(sent)
            try:
                body = inflate(sent, head.content_encoding, self._route.limits.body_bytes)
                arrival = Arrival(
                    key,
                    self._route.clock.now(),
                    head.sent_at,
                    hmac.digest(self._route.secret, body, "sha256"),
                )
                verdict, receipt = await self._accept(body, key, arrival)
            finally:
                self._inflight -= len(sent)
        except IngestError as error:
            self._requests.labels(str(error.status)).inc()
            await answer_problem(send, error, headers)
        except ClientGone:
            self._requests.labels("499").inc()
        else:
            self._accepted.inc()
            await answer(send, 202, _document(verdict, receipt), [*_JSON_HEADERS, *headers])

    async def _read(self, receive: Receive, content_length: int | None) -> bytes:
        route = self._route
        if self._inflight + (content_length or 0) > route.settings.inflight_bytes:
            raise Unavailable("too many batches at once")
        return await read_body(
            receive, content_length, route.limits.body_bytes, route.settings.body_timeout
        )

    async def _accept(
        self, body: bytes, key: IngestKeyRecord, arrival: Arrival
    ) -> tuple[Verdict, Receipt | None]:
        route = self._route
        verdict = read_batch(body, arrival, route.limits, route.redaction)
        route.quotas.take(key, verdict.event_count)
        self._bytes.inc(len(body))
        for rule, count in verdict.hits.items():
            self._hits.labels(rule).inc(count)
        receipt = await route.publisher.publish(
            verdict, route.ledger.tally(key.id, arrival.received_at)
        )
        return verdict, receipt


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
