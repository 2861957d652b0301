"""Bytes of a Kafka record: one version byte, then MessagePack.

A reader takes its own version and the one before it; a writer writes its own. Fields are only ever
added at the end of a struct, with a default, within one version.
"""

from typing import Any, Protocol

import msgspec

from libs.common.events.records import BatchHeader, BatchRecord, BatchRows, Row

CODEC_VERSION = 1
_VERSION_BYTE = bytes([CODEC_VERSION])

_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
_record_decoder = msgspec.msgpack.Decoder(BatchRecord)
_rows_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(BatchRows)


class UndecodableRecord(Exception):
    """The bytes are not a batch of a version that this code reads."""


class DecodedRows(Protocol):
    """A decoded batch whose rows are tuples in COPY order."""

    header: BatchHeader
    logs: list[Row]
    exceptions: list[Row]
    samples: list[Row]


def encode_batch(batch: BatchRecord) -> bytes:
    """Return the record value of a batch."""
    buffer = bytearray(_VERSION_BYTE)
    _encoder.encode_into(batch, buffer, 1)
    return bytes(buffer)


def decode_batch(value: bytes | None) -> BatchRecord:
    """Read a record value with named rows; raises UndecodableRecord."""
    try:
        return _record_decoder.decode(_payload(value))
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise UndecodableRecord(str(error)) from error


def decode_rows(value: bytes | None) -> DecodedRows:
    """Read a record value with rows as tuples in COPY order; raises UndecodableRecord."""
    try:
        rows: DecodedRows = _rows_decoder.decode(_payload(value))
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise UndecodableRecord(str(error)) from error
    return rows


def _payload(value: bytes | None) -> memoryview:
    if not value:
        raise UndecodableRecord("empty record")
    if value[0] != CODEC_VERSION:
        raise UndecodableRecord(f"codec version {value[0]}, this reader knows {CODEC_VERSION}")
    return memoryview(value)[1:]
