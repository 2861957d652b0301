"""The JSON form of OTLP logs, decoded in C.

It differs from the usual JSON form of protobuf: ids are hexadecimal, enums are numbers. Fields have
the names of the protobuf messages, so that `otlp` reads either.
"""

import binascii
from typing import Any

import msgspec
from msgspec import Struct

from services.ingest.domain.envelope import rewrite
from services.ingest.domain.errors import MalformedBody
from services.ingest.domain.repair import clean_text

_Integer = int | str
"""64 bits: a number, or its decimal digits as text."""


class _Message(Struct, rename="camel", frozen=True):
    pass


class JsonAny(_Message, frozen=True):
    """One of these is set, or none."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: _Integer | None = None
    double_value: float | str | None = None
    array_value: "_Values | None" = None
    kvlist_value: "_Pairs | None" = None
    bytes_value: str | None = None

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 - the name in protobuf messages
        """Return the name of the field that is set."""
        for name in self.__struct_fields__:
            if getattr(self, name) is not None:
                return name
        return None


class JsonPair(_Message, frozen=True):
    """An attribute."""

    key: str = ""
    value: JsonAny | None = None


class _Values(_Message, frozen=True):
    values: list[JsonAny | None] = []


class _Pairs(_Message, frozen=True):
    values: list[JsonPair] = []


class JsonRecord(_Message, frozen=True):
    """A log record."""

    time_unix_nano: _Integer = 0
    observed_time_unix_nano: _Integer = 0
    severity_number: _Integer = 0
    """Or the name in the enum, which some write."""
    severity_text: str = ""
    body: JsonAny | None = None
    attributes: list[JsonPair] = []
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""


class JsonScope(_Message, frozen=True):
    """The logger."""

    name: str = ""
    version: str = ""


class JsonScopeLogs(_Message, frozen=True):
    """The records of one logger."""

    scope: JsonScope = JsonScope()
    log_records: list[JsonRecord] = []


class JsonResource(_Message, frozen=True):
    """The process that logged."""

    attributes: list[JsonPair] = []


class JsonResourceLogs(_Message, frozen=True):
    """The loggers of one process."""

    resource: JsonResource = JsonResource()
    scope_logs: list[JsonScopeLogs] = []


class JsonRequest(_Message, frozen=True):
    """The whole request."""

    resource_logs: list[JsonResourceLogs] = []


_decoder = msgspec.json.Decoder(JsonRequest)


def decode_json(body: bytes) -> JsonRequest:
    """Decode a request; raises MalformedBody.

    What JavaScript and Python call JSON (half an emoji, NaN) is rewritten once, and so are null
    for a default, as protobuf has it, and numbers beyond 64 bits.
    """
    try:
        return _decoder.decode(body)
    except RecursionError as error:
        raise MalformedBody(str(error)) from error
    except msgspec.DecodeError as error:
        try:
            value = msgspec.json.decode(rewrite(body.decode(), str(error)))
            return msgspec.convert(_without_nulls(value), JsonRequest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as second:
            raise MalformedBody(str(second)) from second


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def number_of(value: Any) -> int | str:
    """Return a 64-bit number; what is none stays a text."""
    try:
        number = int(value)
    except ValueError:
        return clean_text(str(value))
    return number if -(2**63) <= number < 2**64 else str(number)


def base64_text(value: bytes | str) -> str:
    """Return bytes as the text that JSON has for them."""
    if isinstance(value, str):
        return value
    return binascii.b2a_base64(value, newline=False).decode()
