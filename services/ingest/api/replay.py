"""`POST /internal/replay`: a dead letter comes back from query and is published again.

The gateway is the only publisher of `telemetry`. The caller proves itself by an HMAC of the body.
"""

import hmac
from typing import Any, TypeVar
from uuid import UUID, uuid5

import msgspec
from starlette.types import Receive, Scope, Send

from libs.common.access_keys import internal_signature
from libs.common.events import BatchRecord, ExceptionRow, Letter, LogRow, SampleRow, encode_batch
from libs.common.events.records import BatchHeader
from libs.common.ids import batch_key
from libs.common.kafka.producer import Receipt
from services.ingest.api.intake import Intake
from services.ingest.api.requests import (
    JSON,
    ClientGone,
    RequestHead,
    answer,
    problem_reply,
    read_body,
    read_head,
)
from services.ingest.domain.batch import Verdict
from services.ingest.domain.errors import IngestError, InvalidBatch, Unauthorized, WrongMethod

PATH = "/internal/replay"

_RowT = TypeVar("_RowT", LogRow, ExceptionRow, SampleRow)
_JSON_COLUMNS = ("extra_data", "stacktrace", "cause")


class ReplayEndpoint:
    """The ASGI application behind the path."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 202 once Kafka has the letter."""
        try:
            head = read_head(scope)
            if scope["method"] != "POST":
                raise WrongMethod("post a letter")
            letter_id, receipt = await self._replay(head, receive)
        except IngestError as error:
            await answer(send, *problem_reply(error))
        except ClientGone:
            return
        else:
            body = msgspec.json.encode({"letter_id": letter_id, "receipt": receipt})
            await answer(send, 202, body, [(b"content-type", JSON)])

    async def _replay(self, head: RequestHead, receive: Receive) -> tuple[UUID, Receipt | None]:
        intake = self._intake
        with intake.inflight.hold() as held:
            body = await read_body(receive, head.content_length, intake.body_limits, held)
            expected = internal_signature(intake.secret, body)
            if not hmac.compare_digest((head.internal or "").encode(), expected.encode()):
                raise Unauthorized("internal route")
            letter, record = read_letter(body)
            key = batch_key(letter.application, record.header.batch_id)
            verdict = Verdict(record.header, key, encode_batch(record), 1, 1)
            receipt = await intake.publisher.publish(verdict)
        return letter.letter_id, receipt


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
