"""How many objects a body of another format would become, told before it is decoded.

Two bytes are enough for a log record that takes a hundred once it is decoded, so its size alone
does not bound what a body costs.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from services.ingest.domain.errors import BatchTooLarge
from services.ingest.domain.limits import BatchLimits

OBJECT_BYTES = 128
"""About what an object takes while a request is read."""
_OBJECTS_PER_EVENT = 16
"""A record with seven attributes; what is denser has to come in smaller requests."""
_UNCOUNTED_BYTES = 256 * 1024
"""A smaller body of protobuf cannot become much, and walking through it costs time."""
_DEEPEST = 250
"""The decoder takes a hundred levels."""
# Begins of values, not brackets alone: texts have many of those. Quotes in texts are escaped.
_JSON_OBJECT = re.compile(rb'\{[ \t\r\n]*["}]|\[[ \t\r\n]*[\]\["]')
_Messages = Mapping[int, Any]
"""The descriptors of a message's fields that are messages, by number."""


def check_event_count(count: int, limits: BatchLimits) -> None:
    """Raise BatchTooLarge where a request has too many events."""
    if count > limits.request_event_count:
        raise BatchTooLarge(f"more than {limits.request_event_count} events in a request")


def check_object_count(count: int, limits: BatchLimits) -> None:
    """Raise BatchTooLarge where a request has too many objects."""
    most = _most_objects(limits)
    if count > most:
        raise BatchTooLarge(f"more than {most} objects in a request: send smaller ones")


def count_json_objects(body: bytes, limits: BatchLimits) -> int:
    """Return about how many objects and lists JSON holds; raises BatchTooLarge."""
    most = _most_objects(limits)
    count = sum(1 for _ in islice(_JSON_OBJECT.finditer(body), most + 1))
    check_object_count(count, limits)
    return count


def count_messages(body: bytes, limits: BatchLimits) -> int:
    """Return how many messages an OTLP request holds; raises BatchTooLarge.

    Zero for small bodies, and the count so far for what the decoder will refuse.
    """
    if len(body) <= _UNCOUNTED_BYTES:
        return 0
    try:
        count = _walk(body, _most_objects(limits))
    except IndexError:
        return 0  # cut off
    check_object_count(count, limits)
    return count


def _most_objects(limits: BatchLimits) -> int:
    return limits.request_event_count * _OBJECTS_PER_EVENT


def _walk(body: bytes, most: int) -> int:
    outer: list[tuple[int, _Messages]] = []
    at, end = 0, len(body)
    known = _messages_of(ExportLogsServiceRequest.DESCRIPTOR)
    count = 0
    while True:
        if at >= end:
            if not outer:
                return count
            end, known = outer.pop()
            continue
        tag, at = _varint(body, at)
        match tag & 7:
            case 0:
                _, at = _varint(body, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case 2:
                length, at = _varint(body, at)
                inner = known.get(tag >> 3)
                if inner is None or at + length > end:
                    at += length
                    continue
                count += 1
                if count > most or len(outer) > _DEEPEST:
                    return count
                outer.append((end, known))
                end, known = at + length, _messages_of(inner)


def _varint(body: bytes, at: int) -> tuple[int, int]:
    byte = body[at]
    at += 1
    if byte < 0x80:
        return byte, at
    value, shift = byte & 0x7F, 7
    while byte >= 0x80 and shift < 70:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
    return value, at


@lru_cache(maxsize=64)
def _messages_of(descriptor: Any) -> _Messages:
    return {one.number: one.message_type for one in descriptor.fields if one.message_type}
