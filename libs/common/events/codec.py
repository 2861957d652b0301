"""Bytes of a Kafka record: one version byte, then MessagePack.

Version 1 is the only one. Within a version fields are only ever added at the end of a struct, with
a default: so older records are read too.
"""

from typing import Any, Protocol

import msgspec

from libs.common.events.records import (
    BatchHeader,
    BatchRecord,
    BatchRows,
    ExceptionRow,
    LogRow,
    Row,
    SampleRow,
)

CODEC_VERSION = 1
_VERSION_BYTE = bytes([CODEC_VERSION])

_SHORT_ARRAY_HEADS = tuple(bytes((0x90 | count,)) for count in range(16))

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
    return _VERSION_BYTE + _encoder.encode(batch)


class PackedRows:
    """The rows of a batch, encoded a few at a time: what is packed need not stay in memory."""

    def __init__(self) -> None:
        self._tables: tuple[_PackedTable, ...] = ()

    def pack(
        self, logs: list[LogRow], exceptions: list[ExceptionRow], samples: list[SampleRow]
    ) -> None:
        """Add rows behind those of their tables."""
        tables = self._tables = self._tables or (_PackedTable(), _PackedTable(), _PackedTable())
        if logs:
            tables[0].add(_encoder.encode(logs), len(logs))
        if exceptions:
            tables[1].add(_encoder.encode(exceptions), len(exceptions))
        if samples:
            tables[2].add(_encoder.encode(samples), len(samples))

    def value(
        self,
        header: BatchHeader,
        logs: list[LogRow],
        exceptions: list[ExceptionRow],
        samples: list[SampleRow],
    ) -> bytes:
        """Return the record value with these rows in the end: the bytes of `encode_batch`."""
        if not self._tables:
            return encode_batch(BatchRecord(header, logs, exceptions, samples))
        self.pack(logs, exceptions, samples)
        parts = [_VERSION_BYTE, _array_head(1 + len(self._tables)), _encoder.encode(header)]
        for table in self._tables:
            parts.append(_array_head(table.count))
            parts += table.parts
        return b"".join(parts)


class _PackedTable:
    __slots__ = ("count", "parts")

    def __init__(self) -> None:
        self.count = 0
        self.parts: list[bytes] = []

    def add(self, rows: bytes, count: int) -> None:
        self.parts.append(rows[len(_array_head(count)) :])
        self.count += count


def _array_head(count: int) -> bytes:
    """Return what MessagePack writes before an array of so many items."""
    if count < len(_SHORT_ARRAY_HEADS):
        return _SHORT_ARRAY_HEADS[count]
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


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
