"""`POST /internal/replay`: a dead letter comes back from query and is published again.

The gateway is the only publisher of `telemetry`. The caller proves itself by an HMAC of the body.
"""

import hmac
import re
from typing import Any, TypeVar
from uuid import uuid5

import msgspec

from libs.common.access_keys import internal_signature
from libs.common.events import BatchRecord, ExceptionRow, Letter, LogRow, SampleRow, encode_batch
from libs.common.events.records import BatchHeader
from libs.common.ids import batch_key
from libs.common.time_limits import TimeLimit
from services.ingest.api.intake import Endpoint, Intake, Post
from services.ingest.api.requests import JSON, BodyLimits, Reply, read_body
from services.ingest.domain.batch import Verdict
from services.ingest.domain.errors import InvalidBatch, Unauthorized
from services.ingest.domain.inflight import Inflight

PATH = "/internal/replay"

_RowT = TypeVar("_RowT", LogRow, ExceptionRow, SampleRow)
_JSON_COLUMNS = ("extra_data", "stacktrace", "cause")
_SIGNATURE = re.compile("[0-9a-f]{64}")
_LETTER_BYTES = 1024 * 1024
_GROWTH = 4
"""A letter is one event; JSON in a text of JSON doubles it at the worst, and it has a head."""
_AT_ONCE_COUNT = 4


class ReplayEndpoint(Endpoint):
    """The ASGI application behind the path, which everybody reaches who reaches the gateway.

    Whose signature cannot be one is not read; who makes one up holds bytes of other letters only.
    """

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake)
        size_bytes = max(_LETTER_BYTES, _GROWTH * intake.limits.event_bytes)
        self._limits = BodyLimits(size_bytes, TimeLimit(intake.settings.body_timeout))
        self._inflight = Inflight(_AT_ONCE_COUNT * size_bytes)

    async def take(self, post: Post) -> Reply:
        """Answer 202 once Kafka has the letter."""
        intake, head = self._intake, post.head
        if _SIGNATURE.fullmatch(head.internal or "") is None:
            raise Unauthorized("internal route")
        with self._inflight.hold() as held:
            body = await read_body(post.receive, head.content_length, self._limits, held)
            expected = internal_signature(intake.secret, body)
            if not hmac.compare_digest((head.internal or "").encode(), expected.encode()):
                raise Unauthorized("internal route")
            letter, record = read_letter(body)
            key = batch_key(letter.application, record.header.batch_id)
            verdict = Verdict(record.header, key, encode_batch(record), 1, 1)
            receipt = await intake.publisher.publish(verdict)
        document = {"letter_id": letter.letter_id, "receipt": receipt}
        return 202, msgspec.json.encode(document), [(b"content-type", JSON)]


def read_letter(body: bytes) -> tuple[Letter, BatchRecord]:
    """Build the record that replays a letter; raises InvalidBatch.

    The batch id counts how often the event was dead-lettered, not how often it was replayed: two
    replays of one letter are one batch, stored once. The row keeps its id.
    """
    try:
        letter = msgspec.json.decode(body, type=Letter)
        header = BatchHeader(
            letter.application,
            uuid5(letter.letter_id, str(letter.dead_lettered_count)),
            letter.key_id,
            letter.received_at,
            b"",
            letter_id=letter.letter_id,
            letter_stage=letter.stage,
        )
        record = BatchRecord(header)
        if letter.event_kind == "log":
            record.logs = [_row(letter, LogRow)]
        elif letter.event_kind == "exception":
            record.exceptions = [_row(letter, ExceptionRow)]
        else:
            record.samples = [_row(letter, SampleRow)]
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidBatch(str(error)) from error
    return letter, record


def _row(letter: Letter, row_type: type[_RowT]) -> _RowT:
    values = [_column(letter.payload.get(name), name) for name in row_type.__struct_fields__]
    return msgspec.convert(values, row_type)


def _column(value: Any, name: str) -> Any:
    if name in _JSON_COLUMNS and value is not None and not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return value
