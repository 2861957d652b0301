"""Letters that come back."""

from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest

from libs.common.events import decode_batch, encode_batch
from services.ingest.api.replay import read_letter
from services.ingest.domain.errors import InvalidBatch
from tests.unit.ingest.making import body_of, log_event, read

LETTER_ID = UUID("0192aacc-0000-7000-8000-000000000001")


def letter(**changes: Any) -> dict[str, Any]:
    (row,) = read(body_of(log_event("stuck", extra_data={"a": 1}))).record.logs
    made: dict[str, Any] = {
        "letter_id": LETTER_ID,
        "stage": "writer",
        "dead_lettered_count": 1,
        "application": "shop",
        "key_id": "k1",
        "received_at": "2026-11-24T12:00:00Z",
        "event_kind": "log",
        "payload": msgspec.to_builtins(
            dict(zip(row.__struct_fields__, row_values(row), strict=True))
        ),
    }
    return made | changes


def row_values(row: msgspec.Struct) -> tuple[Any, ...]:
    return msgspec.structs.astuple(row)


def read_one(document: dict[str, Any]) -> Any:
    return read_letter(msgspec.json.encode(document))


def test_the_row_comes_back_unchanged() -> None:
    (row,) = read(body_of(log_event("stuck", extra_data={"a": 1}))).record.logs
    _, record = read_one(letter())
    assert record.logs == [row]
    assert decode_batch(encode_batch(record)) == record
    assert (record.header.letter_id, record.header.letter_stage) == (LETTER_ID, "writer")


def test_extra_data_may_come_as_an_object() -> None:
    document = letter()
    document["payload"]["extra_data"] = {"a": 1}
    _, record = read_one(document)
    assert record.logs[0].extra_data == '{"a":1}'


def test_the_batch_id_counts_dead_letterings_not_replays() -> None:
    ids = [read_one(letter(dead_lettered_count=n))[1].header.batch_id for n in (1, 1, 2)]
    assert ids == [uuid5(LETTER_ID, "1"), uuid5(LETTER_ID, "1"), uuid5(LETTER_ID, "2")]


def test_other_kinds() -> None:
    verdict = read(
        body_of(
            {"kind": "exception", "exception": {"type": "E", "stacktrace": [{"line": 1}]}},
            {"kind": "query", "statement": "SELECT 1", "duration_ms": 1},
        )
    )
    for kind, rows in (
        ("exception", verdict.record.exceptions),
        ("sample", verdict.record.samples),
    ):
        row = rows[0]
        payload = dict(zip(row.__struct_fields__, row_values(row), strict=True))
        _, record = read_one(letter(event_kind=kind, payload=msgspec.to_builtins(payload)))
        assert [*record.exceptions, *record.samples] == [row]


@pytest.mark.parametrize(
    "changes",
    [
        {"event_kind": "metric"},
        {"letter_id": "x"},
        {"received_at": "2026-11-24T12:00:00"},
        {"payload": {}},
        {"payload": None},
        {"dead_lettered_count": "one"},
    ],
)
def test_letters_that_cannot_be_read(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidBatch):
        read_one(letter(**changes))


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff", b"{"])
def test_bodies_that_are_no_letter(body: bytes) -> None:
    with pytest.raises(InvalidBatch):
        read_letter(body)
