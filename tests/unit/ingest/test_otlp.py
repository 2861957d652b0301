"""OTLP records as rows: both encodings mean the same."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.ingest.domain.batch import Verdict
from services.ingest.domain.errors import MalformedBody
from services.ingest.domain.foreign import batch_bodies, request_id
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.otlp import count_records, decode_request, read_events
from tests.unit.ingest.making import LIMITS, NOW, arrival, read, redaction
from tests.unit.ingest.otlp_making import (
    MOMENT_NS,
    SPAN_ID,
    TRACE_ID,
    any_value,
    as_json,
    as_protobuf,
    record,
    request,
)

Encode = Callable[[dict[str, Any]], bytes]
both = pytest.mark.parametrize("encode", [as_json, as_protobuf])


def bodies(body: bytes, limits: BatchLimits = LIMITS) -> list[bytes]:
    decoded = decode_request(body, is_json=body[:1] == b"{")
    events = read_events(decoded, redaction().redact_text, Counter())
    return list(batch_bodies(events, request_id("shop", b"h" * 32), limits))


def verdicts(body: bytes) -> list[Verdict]:
    return [read(one) for one in bodies(body)]


def extra_of(row: Any) -> dict[str, Any]:
    extra: dict[str, Any] = msgspec.json.decode(row.extra_data or "{}")
    return extra


@both
def test_a_record_fills_the_columns(encode: Encode) -> None:
    described = request(
        record(
            "cart is empty",
            severityNumber=17,
            traceId=TRACE_ID,
            spanId=SPAN_ID,
            eventName="cart.empty",
            attributes={
                "user.id": "u7",
                "session.id": "s9",
                "http.request.method": "GET",
                "http.route": "/cart/{id}",
                "http.response.status_code": 404,
                "cart.items": 3,
                "nested": {"list": [1, 2.5, True, None, b"\x00\xff"]},
            },
        ),
        resource={
            "service.name": "checkout",
            "service.version": "2026.11",
            "deployment.environment.name": "production",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.version": "1.45",
            "host.name": "h1",
        },
    )
    (verdict,) = verdicts(encode(described))
    (row,) = verdict.record.logs
    assert (row.message, row.level, row.trace_id) == ("cart is empty", "ERROR", TRACE_ID)
    assert (row.source, row.release, row.environment) == ("checkout", "2026.11", "production")
    assert (row.user_id, row.session_id, row.module) == ("u7", "s9", "shop.cart")
    assert (row.request_method, row.request_path, row.status_code) == ("GET", "/cart/{id}", 404)
    assert row.created_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=MOMENT_NS // 1_000
    )
    assert verdict.record.header.sdk == "opentelemetry-python/1.45"
    extra = extra_of(row)
    assert extra["cart.items"] == 3
    assert extra["nested"] == {"list": [1, 2.5, True, None, "AP8="]}
    assert (extra["span_id"], extra["event_name"]) == (SPAN_ID, "cart.empty")
    assert extra["resource"] == {"host.name": "h1"}


@both
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("text", "text"),
        (5, "5"),
        (2.5, "2.5"),
        (True, "true"),
        ({"a": [1]}, '{"a":[1]}'),
        ([1, "x"], '[1,"x"]'),
        (b"\x01", "AQ=="),
        (None, ""),
        ("nul \0", "nul \ufffd"),
    ],
)
def test_any_body_becomes_a_message(encode: Encode, body: Any, message: str) -> None:
    (verdict,) = verdicts(encode(request(record(body))))
    (row,) = verdict.record.logs
    assert row.message == message
    assert extra_of(row).get("body") == (body if isinstance(body, dict | list) else None)


@both
@pytest.mark.parametrize(
    ("number", "text", "level"),
    [
        (1, "", "DEBUG"),
        (9, "ERROR", "INFO"),
        (16, "", "WARNING"),
        (24, "", "CRITICAL"),
        (0, "warn", "WARNING"),
        (0, "loud", "INFO"),
        (0, "", "INFO"),
    ],
)
def test_levels(encode: Encode, number: int, text: str, level: str) -> None:
    described = request(record(severityNumber=number, severityText=text))
    assert verdicts(encode(described))[0].record.logs[0].level == level


@both
def test_an_exception_in_attributes(encode: Encode) -> None:
    stack = 'Traceback\n  File "a.py", line 3\nKeyError: token=hunter2secret'
    thrown = {
        "exception.type": "KeyError",
        "exception.message": "no cart",
        "exception.stacktrace": stack,
    }
    described = request(record("request failed", severityNumber=17, attributes=thrown))
    (verdict,) = verdicts(encode(described))
    (row,) = verdict.record.exceptions
    assert (row.exception_type, row.message, row.level) == ("KeyError", "no cart", "ERROR")
    frames = msgspec.json.decode(row.stacktrace or "")
    assert [frame["raw"] for frame in frames[:2]] == stack.splitlines()[:2]
    assert "hunter2" not in (row.stacktrace or "")
    assert extra_of(row) == {"message": "request failed"}


def test_a_secret_over_several_lines_of_a_stack() -> None:
    key = (
        "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEowIBAAKCAQEA7\nqqqqqqqqqq\n-----END RSA PRIVATE "
    )
    thrown = {"exception.type": "E", "exception.stacktrace": f"at f\n{key}KEY-----\nat g"}
    (verdict,) = verdicts(as_json(request(record(attributes=thrown))))
    assert "MIIEowIBAAKCAQEA7" not in (verdict.record.exceptions[0].stacktrace or "")


@both
@pytest.mark.parametrize(
    ("fields", "created_at"),
    [
        ({"timeUnixNano": "0"}, NOW),
        ({"timeUnixNano": "0", "observedTimeUnixNano": str(MOMENT_NS)}, None),
        ({"timeUnixNano": str(2**64 - 1)}, NOW),
    ],
)
def test_times(encode: Encode, fields: dict[str, str], created_at: datetime | None) -> None:
    (verdict,) = verdicts(encode(request(record(**fields))))
    expected = created_at or datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=MOMENT_NS // 1_000
    )
    assert verdict.record.logs[0].created_at == expected


def test_json_that_only_javascript_calls_json() -> None:
    body = as_json(request(record("half"))).replace(b"half", b"half \\ud83d")
    assert verdicts(body)[0].record.logs[0].message == "half \ufffd"


def test_ids_in_capitals_and_unknown_fields_and_numbers() -> None:
    described = request(record(traceId=TRACE_ID.upper(), timeUnixNano=MOMENT_NS, unknown={"x": 1}))
    assert verdicts(as_json(described))[0].record.logs[0].trace_id == TRACE_ID


def test_zero_ids_are_none() -> None:
    described = request(record(traceId="0" * 32, spanId="0" * 16))
    (row,) = verdicts(as_protobuf(described))[0].record.logs
    assert (row.trace_id, extra_of(row)) == (None, {})


def test_what_is_deep_is_cut_and_what_is_wide_is_rejected() -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = {"a": deep}
    wide = {f"k{number}": 1 for number in range(300)}
    large = "x" * 70_000
    described = request(
        record(attributes={"deep": deep}), record(attributes=wide), record(large), record("kept")
    )
    (verdict,) = verdicts(as_json(described))
    assert [row.message for row in verdict.record.logs] == ["it happened", "kept"]
    assert verdict.rejected == {1: "too_many_keys", 2: "event_too_large"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"resourceLogs":{}}',
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":"x"}]}]}]}',
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":'
        + b'{"arrayValue":{"values":[' * 9000,
        b"\x0a\xff\xff",
        b"\x0a\x05ab",
        as_protobuf(request(record("text"))).replace(b"text", b"te\xff\xfe"),
    ],
)
def test_what_is_no_request(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        decode_request(body, is_json=body[:1] in b"{[")


def test_protobuf_nested_beyond_reason() -> None:
    value = any_value("x")
    for _ in range(60):
        value = {"arrayValue": {"values": [value]}}
    described = request(record())
    described["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"] = value
    with pytest.raises(MalformedBody):
        decode_request(nested_protobuf(200), is_json=False)
    assert "[too deep]" in verdicts(as_json(described))[0].record.logs[0].message


def nested_protobuf(depth: int) -> bytes:
    value = b"\x0a\x01x"
    for _ in range(depth):
        array = b"\x0a" + varint(len(value)) + value
        value = b"\x2a" + varint(len(array)) + array
    for tag in (b"\x2a", b"\x12", b"\x12", b"\x0a"):
        value = tag + varint(len(value)) + value
    return value


def varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def test_many_records_are_several_batches_with_ids_of_their_own() -> None:
    described = request(*[record(f"m{number}") for number in range(2_500)])
    found = [read(body) for body in bodies(as_protobuf(described))]
    assert [verdict.event_count for verdict in found] == [1_000, 1_000, 500]
    first = request_id("shop", b"h" * 32)
    ids = [verdict.batch_id for verdict in found]
    assert ids[0] == first
    assert len(set(ids)) == 3
    assert {one.version for one in ids} == {5}
    assert request_id("shop", b"i" * 32) != first != request_id("other", b"h" * 32)
    assert count_records(decode_request(as_protobuf(described), is_json=False), LIMITS) == 2_500


def test_large_records_are_several_batches() -> None:
    described = request(*[record("x" * 30_000) for _ in range(400)])
    found = bodies(as_json(described))
    assert len(found) == 3
    assert max(map(len, found)) < 4.1 * 1024 * 1024


def test_releases_of_one_request_are_batches_of_their_own() -> None:
    one = request(record("a"), record("b"), resource={"service.version": "1"})
    two = request(record("c"), resource={"service.version": "2"})
    both_releases = {"resourceLogs": [*one["resourceLogs"], *two["resourceLogs"]]}
    found = verdicts(as_json(both_releases))
    assert [[row.release for row in v.record.logs] for v in found] == [["1", "1"], ["2"]]


def test_a_browser_key_is_the_frontend() -> None:
    described = request(record(), resource={"service.name": "checkout"})
    (body,) = bodies(as_json(described))
    from_server = read(body, arrival())
    assert from_server.record.logs[0].source == "checkout"
    assert isinstance(from_server.batch_id, UUID)


def test_null_is_a_default_in_json() -> None:
    described = {
        "resourceLogs": [
            {
                "resource": None,
                "schemaUrl": None,
                "scopeLogs": [
                    {
                        "scope": None,
                        "logRecords": [
                            {
                                "attributes": None,
                                "severityText": None,
                                "timeUnixNano": None,
                                "body": {"stringValue": "m"},
                            },
                            record({"a": [None, 1]}, attributes={"b": None}),
                        ],
                    }
                ],
            },
            {"resource": {"attributes": None}, "scopeLogs": None},
        ]
    }
    (verdict,) = verdicts(as_json(described))
    assert [row.message for row in verdict.record.logs] == ["m", '{"a":[null,1]}']


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (17, "ERROR"),
        ("17", "ERROR"),
        ("24", "CRITICAL"),
        ("SEVERITY_NUMBER_WARN", "WARNING"),
        ("SEVERITY_NUMBER_ERROR3", "ERROR"),
        ("SEVERITY_NUMBER_UNSPECIFIED", "INFO"),
        (10**25, "INFO"),
        (-5, "INFO"),
    ],
)
def test_a_severity_of_any_form_costs_no_record(number: int | str, level: str) -> None:
    described = request(record("odd", severityNumber=number), record("kept"))
    (verdict,) = verdicts(as_json(described))
    assert [row.level for row in verdict.record.logs] == [level, "INFO"]


@both
def test_a_status_that_is_no_number_costs_no_record(encode: Encode) -> None:
    described = request(record("odd", attributes={"http.status_code": True}))
    (verdict,) = verdicts(encode(described))
    assert verdict.rejected == {}
    assert verdict.record.logs[0].status_code is None


@both
@pytest.mark.parametrize("name", ["db.query.text", "db.statement"])
def test_statements_lose_their_literals(encode: Encode, name: str) -> None:
    described = request(record("m", attributes={name: "SELECT * FROM u WHERE pin = '9911'"}))
    (verdict,) = verdicts(encode(described))
    assert extra_of(verdict.record.logs[0]) == {name: "SELECT * FROM u WHERE pin = ?"}
