"""`POST /api/v1/ingest/batches`: Headwater's own wire format."""

import msgspec

from libs.common.kafka.producer import Receipt
from services.ingest.api.intake import Endpoint, Post
from services.ingest.api.requests import JSON, Reply, read_body
from services.ingest.domain.batch import Verdict
from services.ingest.domain.body import inflate
from services.ingest.domain.errors import UnsupportedType
from services.ingest.domain.keys import IngestKeyRecord

PATH = "/api/v1/ingest/batches"
_TYPES = ("", "application/json", "text/plain")
_HEADERS = [(b"content-type", JSON), (b"cache-control", b"no-store")]


class BatchEndpoint(Endpoint):
    """The ASGI application behind the path."""

    async def take(self, post: Post) -> Reply:
        """Answer 202 once Kafka has the batch."""
        head = post.head
        key = self._intake.authenticate(head.key, head.origin, post.headers)
        verdict, receipt = await self._publish(post, key)
        return 202, _document(verdict, receipt), _HEADERS

    async def _publish(self, post: Post, key: IngestKeyRecord) -> tuple[Verdict, Receipt | None]:
        intake, head = self._intake, post.head
        if head.content_type not in _TYPES:
            raise UnsupportedType("send application/json")
        intake.quotas.check(key)
        intake.inflight.check(head.content_length or 0)
        with intake.inflight.hold() as held:
            sent = await read_body(post.receive, head.content_length, intake.body_limits, held)
            body = inflate(sent, head.content_encoding, intake.limits.body_bytes)
            if body is not sent:
                held.add(len(body))
            verdict = intake.judge(body, intake.arrival(key, head.sent_at, body))
            intake.quotas.take(key, verdict.event_count)
            intake.count_bytes(body)
            del sent, body
            return verdict, await intake.publisher.publish(verdict)


def _document(verdict: Verdict, receipt: Receipt | None) -> bytes:
    document: dict[str, object] = {
        "batch_id": verdict.batch_id,
        "accepted": verdict.accepted_count,
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
