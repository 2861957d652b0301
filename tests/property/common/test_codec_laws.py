"""Laws of the record codec: what is encoded comes back, anything else is refused by name."""

import string
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.common.events import (
    CODEC_VERSION,
    BatchRecord,
    BatchRows,
    ExceptionRow,
    LogRow,
    PackedRows,
    SampleRow,
    UndecodableRecord,
    columns,
    decode_batch,
    decode_rows,
    encode_batch,
)
from libs.common.events.records import BatchHeader

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
FIELD_VALUES: dict[type, st.SearchStrategy[Any]] = {
    datetime: moments,
    str: texts,
    UUID: st.uuids(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(-(2**63), 2**63 - 1),
}


def rows(row: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Return rows with any value that the field types allow."""
    fields = msgspec.structs.fields(row)
    return st.builds(row, **{field.name: values(field.type) for field in fields})


def values(kind: Any) -> st.SearchStrategy[Any]:
    if kind in FIELD_VALUES:
        return FIELD_VALUES[kind]
    optional = next(option for option in kind.__args__ if option is not type(None))
    return st.none() | FIELD_VALUES[optional]


NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
ID = UUID("0192aacc-11ee-7e00-a000-aabbccddeeff")
HEADER = BatchHeader("shop", ID, "k1", NOW, b"h" * 32)
NOTHING: list[Any] = [None] * 8
LOG = msgspec.convert(
    [NOW, ID, NOW, "shop", None, None, "backend", "INFO", "it happened", *NOTHING, 1, None], LogRow
)
SAMPLE = msgspec.convert(
    [NOW, ID, NOW, "shop", None, None, "backend", "request", 3.0, None, *NOTHING[1:], 1, None],
    SampleRow,
)

headers = st.builds(
    BatchHeader,
    application=texts,
    batch_id=st.uuids(),
    key_id=st.text(string.ascii_letters, max_size=12),
    received_at=moments,
    body_hmac=st.binary(max_size=32),
    sdk=st.none() | texts,
    letter_id=st.none() | st.uuids(),
    letter_stage=st.none() | texts,
)
batches = st.builds(
    BatchRecord,
    header=headers,
    logs=st.lists(rows(LogRow), max_size=3),
    exceptions=st.lists(rows(ExceptionRow), max_size=3),
    samples=st.lists(rows(SampleRow), max_size=3),
)


@given(batches)
def test_batch_comes_back_as_it_was(batch: BatchRecord) -> None:
    assert decode_batch(encode_batch(batch)) == batch


@given(batches)
def test_rows_come_back_as_tuples_in_copy_order(batch: BatchRecord) -> None:
    decoded = decode_rows(encode_batch(batch))

    assert decoded.header == batch.header
    for tuples, structs in (
        (decoded.logs, batch.logs),
        (decoded.exceptions, batch.exceptions),
        (decoded.samples, batch.samples),
    ):
        assert tuples == [msgspec.structs.astuple(struct) for struct in structs]


@given(st.lists(batches, max_size=4), headers)
@example([], HEADER)
@example([BatchRecord(HEADER, [LOG] * 9, [], [SAMPLE])] * 2, HEADER)
@example([BatchRecord(HEADER, [LOG] * 33_000)] * 2, HEADER)
def test_rows_packed_in_parts_are_the_record_of_all(
    parts: list[BatchRecord], header: BatchHeader
) -> None:
    packed = PackedRows()
    whole = BatchRecord(header, [], [], [])
    for part in parts:
        whole.logs += part.logs
        whole.exceptions += part.exceptions
        whole.samples += part.samples
    *first, last = parts or [whole]
    for part in first:
        packed.pack(part.logs, part.exceptions, part.samples)

    value = packed.value(header, last.logs, last.exceptions, last.samples)
    assert value == encode_batch(whole)


@given(st.binary(max_size=200))
def test_garbage_is_refused_by_name(value: bytes) -> None:
    for decode in (decode_batch, decode_rows):
        with pytest.raises(UndecodableRecord):
            decode(value)


@given(batches, st.data())
def test_a_record_that_was_cut_off_is_refused(batch: BatchRecord, data: st.DataObject) -> None:
    value = encode_batch(batch)
    length = data.draw(st.integers(0, len(value) - 1))

    for decode in (decode_batch, decode_rows):
        with pytest.raises(UndecodableRecord):
            decode(value[:length])


@given(batches, st.integers(0, 255).filter(lambda version: version != CODEC_VERSION))
def test_another_version_is_refused(batch: BatchRecord, version: int) -> None:
    value = bytes([version]) + encode_batch(batch)[1:]

    for decode in (decode_batch, decode_rows):
        with pytest.raises(UndecodableRecord, match=f"version {version}"):
            decode(value)


@given(batches, st.data())
def test_a_changed_byte_is_refused_or_read_never_worse(
    batch: BatchRecord, data: st.DataObject
) -> None:
    value = bytearray(encode_batch(batch))
    position = data.draw(st.integers(0, len(value) - 1))
    value[position] = data.draw(st.integers(0, 255))

    for decode, made in ((decode_batch, BatchRecord), (decode_rows, BatchRows)):
        try:
            read = decode(bytes(value))
        except UndecodableRecord:
            continue
        assert isinstance(read, made)


@pytest.mark.parametrize("value", [None, b""])
def test_record_without_value_is_refused(value: bytes | None) -> None:
    with pytest.raises(UndecodableRecord, match="empty"):
        decode_rows(value)


@pytest.mark.parametrize("row", [LogRow, ExceptionRow, SampleRow])
def test_rows_start_with_what_places_them(row: type[msgspec.Struct]) -> None:
    assert columns(row)[:2] == ("created_at", "id")
