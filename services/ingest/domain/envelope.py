"""From a document to the batch it holds, its events still undecoded.

Strict and in C for nearly all bodies. What only JavaScript, Python or C call JSON (half an emoji,
NaN, raw control characters) is rewritten once, so that one event does not cost the batch.
"""

import json
from typing import Any

import msgspec

from services.ingest.domain.client_events import NOTHING, ClientBatch, batch_decoder
from services.ingest.domain.errors import BatchTooLarge, InvalidBatch, MalformedBody
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.repair import clean, exact_float, exact_int, name_constant

_COUNTED_BODY_BYTES = 1024 * 1024
_COMMAS_PER_EVENT = 40
_ANY_SHAPE = BatchLimits(depth=10_000, object_keys=10_000_000)
"""The limits of events are looked at event by event, later."""


class _Events(msgspec.Struct):
    events: msgspec.Raw = NOTHING


def read_envelope(body: bytes, limits: BatchLimits) -> tuple[bytes, ClientBatch]:
    """Return the batch and the bytes that its raw events lie in: the body, or its rewriting.

    Raises MalformedBody, InvalidBatch, BatchTooLarge.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody("the body is not UTF-8") from error
    try:
        envelope = _decode(body, limits)
    except msgspec.DecodeError as error:
        body = rewrite(text, str(error) if text else "empty body")
        envelope = _decode(body, limits)
    if not envelope.events:
        raise InvalidBatch("the batch has no events")
    if len(envelope.events) > limits.event_count:
        raise _too_many(limits)
    return body, envelope


def _decode(body: bytes, limits: BatchLimits) -> ClientBatch:
    try:
        if len(body) > _COUNTED_BODY_BYTES and _has_more_events(body, limits.event_count):
            raise _too_many(limits)
        return batch_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidBatch(str(error)) from error
    except RecursionError as error:
        raise MalformedBody("nested too deeply") from error


def _has_more_events(body: bytes, most: int) -> bool:
    """Count the elements of `events` one by one: a million of them would fill the memory.

    Asked only where so many commas say that it may be so.
    """
    if body.count(b",") < most * _COMMAS_PER_EVENT:
        return False
    text = str(msgspec.json.decode(body, type=_Events).events, "utf-8")
    scan = json.JSONDecoder(parse_int=str, parse_float=str, strict=False).raw_decode
    at, count = 1, 0
    while text[:1] == "[" and count <= most:
        at = _skip_blanks(text, at)
        if text[at] == "]":
            break
        _, at = scan(text, at)
        count += 1
        at = _skip_blanks(text, at)
        if text[at] == ",":
            at += 1
    return count > most


def _skip_blanks(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def rewrite(text: str, complaint: str) -> bytes:
    """Return the document as strict JSON; raises MalformedBody where it is none at all."""
    try:
        value: Any = json.loads(
            text,
            parse_int=exact_int,
            parse_float=exact_float,
            parse_constant=name_constant,
            strict=False,
        )
        return msgspec.json.encode(clean(value, _ANY_SHAPE))
    except RecursionError as error:
        raise MalformedBody("nested too deeply") from error
    except ValueError as error:
        raise MalformedBody(complaint) from error


def _too_many(limits: BatchLimits) -> BatchTooLarge:
    return BatchTooLarge(f"more than {limits.event_count} events")
