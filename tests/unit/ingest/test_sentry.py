"""Sentry envelopes: their framing, and what their items become."""

import json
from typing import Any

import msgspec
import pytest

from services.ingest.domain.batch import Verdict
from services.ingest.domain.errors import MalformedBody
from services.ingest.domain.foreign import batch_bodies, request_id
from services.ingest.domain.sentry_items import Reading, read_items
from tests.unit.ingest.making import LIMITS, NOW, ago, arrival, iso, read, read_envelope

EVENT_ID = "9ec79c33ec9942ab8353589fcb2e04dc"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def envelope(*items: tuple[str, Any], **header: Any) -> bytes:
    """Return an envelope as clients write it."""
    lines = [json.dumps(header).encode()]
    for kind, value in items:
        payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        lines += [json.dumps({"type": kind, "length": len(payload)}).encode(), payload]
    return b"\n".join(lines) + b"\n"


def reading_of(*items: tuple[str, Any], **header: Any) -> Reading:
    return read_items(read_envelope(envelope(*items, **header)), LIMITS)


def verdict_of(*items: tuple[str, Any], **header: Any) -> Verdict:
    """Return the one batch that an envelope becomes."""
    sent = read_envelope(envelope(*items, **header))
    first_id = sent.event_id or request_id("shop", b"h" * 32)
    (body,) = batch_bodies(read_items(sent, LIMITS).events, first_id, LIMITS)
    return read(body, arrival(sent_at=sent.sent_at))


def extra_of(row: Any) -> dict[str, Any]:
    extra: dict[str, Any] = msgspec.json.decode(row.extra_data or "{}")
    return extra


EVENT: dict[str, Any] = {
    "event_id": EVENT_ID,
    "timestamp": iso(ago(seconds=5)),
    "level": "fatal",
    "platform": "python",
    "logger": "shop.cart",
    "release": "2026.11",
    "environment": "production",
    "server_name": "h1",
    "user": {"id": "u7", "ip_address": "10.0.0.1"},
    "tags": [["tenant", "acme"], ["plan", "gold"]],
    "extra": {"cart": 3, "password": "hunter2secret"},
    "contexts": {
        "trace": {"trace_id": TRACE_ID, "span_id": "00f067aa0ba902b7"},
        "response": {"status_code": 500},
        "runtime": {"name": "CPython"},
    },
    "request": {
        "url": "https://shop.example.com/cart/7?q=1",
        "method": "POST",
        "headers": [["Authorization", "Bearer abcdefabcdef"], ["Accept", "*/*"]],
    },
    "breadcrumbs": {"values": [{"message": "clicked", "category": "ui"}]},
    "sdk": {"name": "sentry.python", "version": "2.75.0"},
    "exception": {
        "values": [
            {"type": "KeyError", "value": "'cart'", "stacktrace": {"frames": [{"lineno": 1}]}},
            {
                "type": "CartError",
                "value": "no cart",
                "module": "shop.errors",
                "mechanism": {"type": "django", "handled": False},
                "stacktrace": {
                    "frames": [
                        {"filename": "a.py", "function": "outer", "lineno": 3, "module": None},
                        {
                            "filename": "b.py",
                            "function": "inner",
                            "vars": {"password": "'hunter2secret'"},
                        },
                    ]
                },
            },
        ]
    },
}


def test_an_error_event_is_an_exception() -> None:
    verdict = verdict_of(("event", EVENT), event_id=EVENT_ID)
    (row,) = verdict.record.exceptions
    assert verdict.batch_id.hex == EVENT_ID
    assert verdict.record.header.sdk == "sentry.python/2.75.0"
    assert (row.exception_type, row.message, row.level) == ("CartError", "no cart", "CRITICAL")
    assert row.created_at == ago(seconds=5)
    assert (row.release, row.environment, row.module) == ("2026.11", "production", "shop.cart")
    assert (row.trace_id, row.user_id) == (TRACE_ID, "u7")
    assert (row.request_method, row.request_path, row.status_code) == ("POST", "/cart/7", 500)
    frames = msgspec.json.decode(row.stacktrace or "")
    assert [frame["function"] for frame in frames] == ["inner", "outer"]
    assert frames[1] == {"filename": "a.py", "function": "outer", "lineno": 3}
    assert frames[0]["vars"] == {"password": "[REDACTED]"}
    (cause,) = msgspec.json.decode(row.cause or "")
    assert cause == {"type": "KeyError", "value": "'cart'", "stacktrace": [{"lineno": 1}]}
    extra = extra_of(row)
    assert (extra["cart"], extra["password"]) == (3, "[REDACTED]")
    assert extra["tags"] == {"tenant": "acme", "plan": "gold"}
    assert extra["contexts"]["runtime"] == {"name": "CPython"}
    assert extra["breadcrumbs"] == [{"message": "clicked", "category": "ui"}]
    assert extra["request"]["headers"] == {"Authorization": "[REDACTED]", "Accept": "*/*"}
    assert extra["mechanism"] == {"type": "django", "handled": False}
    assert extra["event_id"] == EVENT_ID


def test_the_nearest_cause_comes_first() -> None:
    values = [{"type": name} for name in ("Root", "Middle", "Thrown")]
    (row,) = verdict_of(("event", {"exception": {"values": values}})).record.exceptions
    assert row.exception_type == "Thrown"
    causes = msgspec.json.decode(row.cause or "")
    assert [cause["type"] for cause in causes] == ["Middle", "Root"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"message": "plain"}, "plain"),
        ({"message": {"formatted": "done 3", "message": "done %s"}}, "done 3"),
        ({"logentry": {"message": "raw %s", "params": [1]}}, "raw %s"),
        ({"logentry": {"formatted": "raw 1", "message": "raw %s"}, "message": "x"}, "raw 1"),
        ({}, ""),
        ({"message": 5}, "5"),
        ({"message": "lone \ud83d"}, "lone \ufffd"),
        ({"message": "m", "exception": {"values": []}}, "m"),
        ({"message": "m", "exception": "nonsense"}, "m"),
        ({"message": "m", "tags": 5, "user": [], "request": "x", "contexts": None}, "m"),
    ],
)
def test_messages_are_logs(fields: dict[str, Any], message: str) -> None:
    (row,) = verdict_of(("event", {"level": "warning", **fields})).record.logs
    assert (row.message, row.level) == (message, "WARNING")


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({}, "ERROR"),
        ({"level": None}, "ERROR"),
        ({"level": "loud"}, "ERROR"),
        ({"level": 5.5}, "ERROR"),
        ({"level": "log"}, "INFO"),
        ({"level": "info"}, "INFO"),
        ({"level": "fatal"}, "CRITICAL"),
    ],
)
def test_an_event_without_a_level_is_an_error(fields: dict[str, Any], level: str) -> None:
    (message,) = verdict_of(("event", {"message": "m", **fields})).record.logs
    thrown = {"exception": {"values": [{"type": "E", "value": "v"}]}}
    (exception,) = verdict_of(("event", {**thrown, **fields})).record.exceptions
    assert message.level == exception.level == level


def test_a_clock_that_is_off_is_corrected_by_the_time_of_sending() -> None:
    event = {"message": "m", "timestamp": ago(hours=2, seconds=10).timestamp()}
    (row,) = verdict_of(("event", event), sent_at=iso(ago(hours=2))).record.logs
    assert row.created_at == ago(seconds=10)


def test_logs_in_a_container() -> None:
    attributes = {
        "sentry.release": {"value": "r1", "type": "string"},
        "sentry.environment": {"value": "staging", "type": "string"},
        "cart.items": {"value": 3, "type": "integer"},
        "user.id": {"value": "u7", "type": "string"},
    }
    items = [
        {
            "timestamp": ago(seconds=number).timestamp(),
            "level": level,
            "body": f"m{number}",
            "trace_id": TRACE_ID,
            "attributes": attributes,
        }
        for number, level in enumerate(["trace", "info", "warn", "error", "fatal"])
    ]
    verdict = verdict_of(("log", {"version": 2, "items": items}))
    rows = verdict.record.logs
    assert [row.level for row in rows] == ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    assert {(row.release, row.environment, row.trace_id) for row in rows} == {
        ("r1", "staging", TRACE_ID)
    }
    assert (rows[1].message, rows[1].created_at) == ("m1", ago(seconds=1))
    assert extra_of(rows[0])["cart.items"] == 3


def test_a_transaction_is_samples() -> None:
    sent = {
        "type": "transaction",
        "transaction": "GET /orders/{id}",
        "start_timestamp": iso(ago(seconds=3)),
        "timestamp": iso(ago(seconds=1.75)),
        "contexts": {"trace": {"trace_id": TRACE_ID, "op": "http.server", "data": {}}},
        "tags": {"http.status_code": "502"},
        "spans": [
            {
                "op": "db.sql.query",
                "description": "SELECT * FROM orders WHERE id = 77",
                "start_timestamp": iso(ago(seconds=2.5)),
                "timestamp": iso(ago(seconds=2)),
                "data": {"db.system": "postgresql"},
            },
            {"op": "db", "description": "SELECT 1"},
            {"op": "http.client", "start_timestamp": 1, "timestamp": 2},
        ],
    }
    verdict = verdict_of(("transaction", sent), event_id=EVENT_ID)
    request, query = verdict.record.samples
    assert (request.kind, request.duration_ms, request.status_code) == ("request", 1250, 502)
    assert (request.request_method, request.request_path) == ("GET", "/orders/{id}")
    assert (query.kind, query.duration_ms) == ("query", 500)
    assert query.statement == "SELECT * FROM orders WHERE id = ?"
    assert {request.trace_id, query.trace_id} == {TRACE_ID}


def test_what_is_only_counted() -> None:
    report = {
        "discarded_events": [
            {"reason": "ratelimit_backoff", "category": "error", "quantity": 3},
            {"reason": "Bad Reason!", "category": None, "quantity": 2},
            {"reason": "x", "category": "y", "quantity": -1},
            {"reason": "x", "category": "y", "quantity": True},
            5,
        ]
    }
    reading = reading_of(
        ("client_report", report),
        ("session", {"sid": "1"}),
        ("attachment", b"\x00\n\xff"),
        ("made_up", b""),
        ("event", b"no json"),
        ("event", b"[]"),
        ("event", b"{" + b" " * 1024 * 1024 + b"}"),
        ("log", {"items": [5, {"body": "kept"}]}),
    )
    assert reading.losses == {("ratelimit_backoff", "error"): 3, ("other", "other"): 2}
    assert reading.ignored == {"session": 1, "attachment": 1, "other": 1}
    assert reading.rejected == {
        "malformed_event": 1,
        "not_an_object": 2,
        "event_too_large": 1,
    }
    assert [event["message"] for _, event in reading.events] == ["kept"]


@pytest.mark.parametrize(
    ("body", "payloads"),
    [
        (b"{}", []),
        (b"{}\n", []),
        (b"{}\n" + b"\n\r" * 1_000_000, []),
        (b'{}\n{"type":"a","length":0}', [b""]),
        (b'{}\n{"type":"a","length":0}\n\n', [b""]),
        (b'{}\n{"type":"a","length":3}\nx\ny', [b"x\ny"]),
        (b'{}\n{"type":"a","length":3}\nx\ny\n', [b"x\ny"]),
        (b'{}\n{"type":"a"}\nxyz\n{"type":"b"}\n', [b"xyz", b""]),
        (b'{}\n{"type":"a","length":null}\nxyz', [b"xyz"]),
        (
            b'{}\n{"type":"a","length":2}\n\xff\xfe\n\n{"type":"b","length":1}\nz\n\n',
            [b"\xff\xfe", b"z"],
        ),
    ],
)
def test_framing(body: bytes, payloads: list[bytes]) -> None:
    assert [item.payload for item in read_envelope(body).items] == payloads


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"[]\n",
        b"no json\n",
        b"\xff\n",
        b'{}\n{"type":"a","length":4}\nxyz',
        b'{}\n{"type":"a","length":2}\nxyz\n',
        b'{}\n{"type":"a","length":-1}\nxyz\n',
        b'{}\n{"type":"a","length":"3"}\nxyz\n',
        b'{}\n{"type":"a","length":1e300}\nxyz\n',
        b'{}\n{"type":"a","length":99999999999999999999999}\nxyz\n',
        b'{}\n{"length":3}\nxyz\n',
        b'{}\n{"type":5}\nxyz\n',
        b"{}\nxyz\n",
        b'{}\n{"type":"a","length":3}',
        b"{}\n" + b'{"type":"a","length":0}\n\n' * 1_001,
        b'{"a":"' + b"x" * 17_000 + b'"}\n',
        b'{}\n{"type":"a","length":0,"b":"' + b"x" * 17_000 + b'"}\n\n',
        b'{"a":' * 100_000,
    ],
)
def test_broken_framing(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_envelope(body)


def test_a_payload_that_is_not_utf_8_is_read_as_far_as_it_is() -> None:
    (row,) = verdict_of(("event", b'{"message":"caf\xe9"}')).record.logs
    assert row.message == "caf\ufffd"


def test_the_key_of_a_dsn_in_the_header() -> None:
    body = envelope(dsn="http://hw_k1_abc@127.0.0.1:8080/1", event_id=EVENT_ID.upper())
    sent = read_envelope(body)
    assert sent.public_key == "hw_k1_abc"
    assert sent.event_id is not None
    assert sent.event_id.hex == EVENT_ID
    assert read_envelope(envelope(dsn="nonsense", event_id="x")).public_key is None
    assert read_envelope(envelope(event_id="x")).event_id is None


def test_an_envelope_sent_again_has_the_same_content() -> None:
    first, second = (
        read_envelope(envelope(("event", EVENT), sent_at=sent_at))
        for sent_at in (iso(NOW), iso(ago(minutes=1)))
    )
    assert first.content == second.content


@pytest.mark.parametrize("name", ["\ud83d", "a\0b", {"deep": [[[]]]}])
def test_an_sdk_of_any_name_in_the_header(name: Any) -> None:
    verdict = verdict_of(("event", {"message": "m"}), sdk={"name": name, "version": "\udc00"})
    assert verdict.record.header.sdk is not None
    assert verdict.record.logs[0].message == "m"


def test_statements_in_breadcrumbs_and_attributes_lose_their_literals() -> None:
    statement, stripped = "SELECT 1 FROM u WHERE pin = '9911'", "SELECT ? FROM u WHERE pin = ?"
    sent = {
        "message": "m",
        "breadcrumbs": [
            {"category": "query", "message": statement, "data": {"db.statement": statement}},
            {"category": "ui", "message": "it's 5 o'clock"},
        ],
        "contexts": {"trace": {"data": {"db.query.text": statement}}},
    }
    extra = extra_of(verdict_of(("event", sent)).record.logs[0])
    assert extra["breadcrumbs"][0]["message"] == stripped
    assert extra["breadcrumbs"][0]["data"] == {"db.statement": stripped}
    assert extra["breadcrumbs"][1]["message"] == "it's 5 o'clock"
    assert extra["contexts"]["trace"]["data"] == {"db.query.text": stripped}
    log = {"body": "m", "attributes": {"db.query.text": {"value": statement}}}
    (row,) = verdict_of(("log", {"items": [log]})).record.logs
    assert extra_of(row) == {"db.query.text": stripped}
