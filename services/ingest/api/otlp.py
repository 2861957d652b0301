"""`POST /v1/logs`: OTLP/HTTP, protobuf and JSON, as OpenTelemetry's exporters send it.

Status codes and retries are those of the OTLP specification: 200 also where single records were
rejected, 429 and 503 are sent again, everything else is not.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from starlette.types import Scope

from services.ingest.api.intake import Endpoint, Post
from services.ingest.api.requests import JSON, Reply, http_headers, read_body
from services.ingest.domain.batch import Arrival
from services.ingest.domain.body import inflate_any
from services.ingest.domain.density import OBJECT_BYTES
from services.ingest.domain.errors import IngestError, UnsupportedType
from services.ingest.domain.foreign import batch_bodies, request_id
from services.ingest.domain.keys import IngestKeyRecord
from services.ingest.domain.otlp import (
    OtlpRequest,
    count_objects,
    count_records,
    decode_request,
    read_events,
)

PATH = "/v1/logs"
_PROTOBUF = b"application/x-protobuf"
_TYPES = {"application/x-protobuf", "application/protobuf", "application/json"}
_OWN_STATUS = (401, 403, 404, 405, 413, 415, 429)
_RPC_CODES = {400: 3, 401: 16, 403: 7, 405: 12, 413: 8, 415: 3, 429: 8, 503: 14}
"""Of google.rpc.Code."""


class OtlpEndpoint(Endpoint):
    """The ASGI application behind the path."""

    async def take(self, post: Post) -> Reply:
        """Answer 200 once Kafka has all batches that the request became."""
        head = post.head
        key = self._intake.authenticate(head.key, head.origin, post.headers)
        if head.content_type not in _TYPES:
            raise UnsupportedType("send application/x-protobuf or application/json")
        is_json = head.content_type == "application/json"
        rejected = await self._publish(post, key, is_json=is_json)
        return 200, _response(rejected, is_json=is_json), _headers(is_json=is_json)

    def refusal(self, error: IngestError, scope: Scope) -> Reply:
        """Return a google.rpc.Status in the request's own encoding."""
        status = _status(error)
        message = f"{error.reason}: {error.detail}" if error.detail else error.reason
        code = _RPC_CODES.get(status, 2)
        is_json = any(
            name == b"content-type" and value.lower().startswith(JSON)
            for name, value in scope["headers"]
        )
        if is_json:
            body = msgspec.json.encode({"code": code, "message": message})
        else:
            body = Status(code=code, message=message).SerializeToString()
        headers = _headers(is_json=is_json) + http_headers(error)
        if error.retryable:
            headers.append((b"retry-after", b"%d" % (error.retry_after_s or 1)))
        return status, body, headers

    async def _publish(self, post: Post, key: IngestKeyRecord, *, is_json: bool) -> Counter[str]:
        """Return how many records were rejected, by reason.

        Where one batch cannot be published the request is refused: its next attempt makes the same
        batches, and those that Kafka has are recognised.
        """
        intake, head = self._intake, post.head
        intake.quotas.check(key)
        intake.inflight.check(head.content_length or 0)
        rejected: Counter[str] = Counter()
        with intake.inflight.hold() as held:
            sent = await read_body(post.receive, head.content_length, intake.foreign_limits, held)
            body = inflate_any(sent, head.content_encoding, intake.foreign_limits.size_bytes)
            if body is not sent:
                held.release(len(sent))
                held.add(len(body))
            del sent
            decoded_bytes = count_objects(body, intake.limits, is_json=is_json) * OBJECT_BYTES
            held.grow(decoded_bytes)
            request = decode_request(body, is_json=is_json)
            arrival = intake.arrival(key, None, body)
            intake.quotas.take(key, count_records(request, intake.limits))
            intake.count_bytes(body)
            held.become(max(decoded_bytes, len(body)))
            del body
            bodies = self._bodies(request, arrival)
            async for verdict in intake.publish_bodies(bodies, arrival, held):
                rejected.update(verdict.rejected.values())
        return rejected

    def _bodies(self, request: OtlpRequest, arrival: Arrival) -> Iterator[bytes]:
        hits: Counter[str] = Counter()
        events = read_events(request, self._intake.redaction.redact_text, hits)
        first_id = request_id(arrival.key.application, arrival.body_hmac)
        yield from batch_bodies(events, first_id, self._intake.limits)
        self._intake.count_hits(hits)


def _status(error: IngestError) -> int:
    """Return a status that says to exporters what the error says: send again, or not."""
    if error.retryable:
        return 429 if error.status == 429 else 503
    return error.status if error.status in _OWN_STATUS else 400


def _headers(*, is_json: bool) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", JSON if is_json else _PROTOBUF), (b"cache-control", b"no-store")]


def _response(rejected: Counter[str], *, is_json: bool) -> bytes:
    if not rejected:
        return b"{}" if is_json else b""
    count = rejected.total()
    message = ", ".join(f"{reason} ({times})" for reason, times in sorted(rejected.items()))
    if is_json:
        # 64-bit numbers are texts in the JSON form of protobuf
        said = {"rejectedLogRecords": str(count), "errorMessage": message}
        return msgspec.json.encode({"partialSuccess": said})
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = count
    response.partial_success.error_message = message
    return response.SerializeToString()
