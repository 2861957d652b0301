"""`POST /api/{project}/envelope/` and `/store/` of a real gateway: keys, encodings, answers."""

import gzip
import json
import zlib
from typing import Any
from uuid import uuid4

import cramjam
import httpx
import pytest

from libs.common.events import BatchRecord
from tests.integration.ingest.house import PAGE, Gateway
from tests.unit.ingest.making import SECRET
from tests.unit.ingest.test_sentry import envelope

ENVELOPE, STORE = "/api/1/envelope/", "/api/1/store/"
KEY = f"hw_k1_{SECRET}"
AUTH = {"x-sentry-auth": f"Sentry sentry_version=7, sentry_client=t/1, sentry_key={KEY}"}


def post(
    gateway: Gateway, content: bytes, headers: dict[str, str] | None = None, path: str = ENVELOPE
) -> httpx.Response:
    return gateway.client.post(path, content=content, headers=AUTH if headers is None else headers)


def an_event(**fields: Any) -> tuple[str, bytes]:
    """Return an event's id and an envelope with it."""
    event_id = uuid4().hex
    return event_id, envelope(("event", {"message": "m", **fields}), event_id=event_id)


def record_of(gateway: Gateway, event_id: str) -> BatchRecord:
    (found,) = [one for one in gateway.records() if one.header.batch_id.hex == event_id]
    return found


@pytest.mark.parametrize(
    "pack",
    [
        ("", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("br", lambda body: bytes(cramjam.brotli.compress(body))),
        ("zstd", lambda body: bytes(cramjam.zstd.compress(body))),
    ],
)
def test_an_envelope_is_a_batch_with_the_events_id(gateway: Gateway, pack: Any) -> None:
    encoding, compress = pack
    event_id, body = an_event(release="r7")
    headers = AUTH | ({"content-encoding": encoding} if encoding else {})
    answer = post(gateway, compress(body), headers)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"id": event_id}
    (row,) = record_of(gateway, event_id).logs
    assert (row.message, row.release) == ("m", "r7")


def test_an_envelope_sent_again_with_another_header_is_the_same_batch(gateway: Gateway) -> None:
    event_id = uuid4().hex
    for sent_at in ("2026-11-24T12:00:00Z", "2026-11-24T12:00:09Z"):
        body = envelope(("event", {"message": "m"}), event_id=event_id, sent_at=sent_at)
        assert post(gateway, body).status_code == 200
    first, second = [r for r in gateway.records() if r.header.batch_id.hex == event_id]
    assert first.header.body_hmac == second.header.body_hmac


def test_a_bare_event_to_the_old_path(gateway: Gateway) -> None:
    event_id = uuid4().hex
    body = json.dumps({"event_id": event_id, "message": "old"}).encode()
    assert post(gateway, body, path=STORE).json() == {"id": event_id}
    assert record_of(gateway, event_id).logs[0].message == "old"
    assert post(gateway, b"nonsense", path=STORE).status_code == 400


@pytest.mark.parametrize(
    ("headers", "query", "dsn"),
    [
        (AUTH, "", None),
        ({"x-sentry-auth": f"Sentry sentry_key={KEY},sentry_version=7"}, "", None),
        ({}, f"?sentry_version=7&sentry_key={KEY}&sentry_client=t", None),
        ({}, "", f"http://{KEY}@h/1"),
        (AUTH, f"?sentry_key={KEY}", f"http://{KEY}:x@h:1/1"),
    ],
)
def test_where_a_key_may_be(
    gateway: Gateway, headers: dict[str, str], query: str, dsn: str | None
) -> None:
    header = {"dsn": dsn} if dsn else {}
    body = envelope(("event", {"message": "m"}), **header)
    assert post(gateway, body, headers, ENVELOPE + query).status_code == 200


@pytest.mark.parametrize(
    ("headers", "query", "dsn"),
    [
        ({}, "", None),
        ({}, "?sentry_key=", None),
        ({"x-sentry-auth": f"Sentry sentry_key=hw_off_{SECRET}"}, "", None),
        ({"x-sentry-auth": "Sentry sentry_key=hw_k1_wrong"}, "", None),
        ({}, f"?sentry_key=hw_nobody_{SECRET}", None),
        (AUTH, f"?sentry_key=hw_small_{SECRET}", None),
        (AUTH, "", f"http://hw_small_{SECRET}@h/1"),
        ({"x-sentry-auth": f"{AUTH['x-sentry-auth']}, sentry_key=hw_small_{SECRET}"}, "", None),
        ({}, f"?sentry_key={KEY}&sentry_key=hw_small_{SECRET}", None),
        ({"authorization": f"Bearer {KEY}"}, "", None),
        ({"x-sentry-auth": f"Sentry sentry_key=hw_web_{SECRET}"}, "", None),
        (
            {"x-sentry-auth": f"Sentry sentry_key=hw_web_{SECRET}", "origin": "https://evil.org"},
            "",
            None,
        ),
    ],
)
def test_keys_that_may_not(
    gateway: Gateway, headers: dict[str, str], query: str, dsn: str | None
) -> None:
    header = {"dsn": dsn} if dsn else {}
    answer = post(gateway, envelope(("event", {}), **header), headers, ENVELOPE + query)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_pages_post_without_a_preflight_and_read_the_limits(gateway: Gateway) -> None:
    event_id, body = an_event()
    headers = {"origin": PAGE, "content-type": "text/plain;charset=UTF-8"}
    answer = post(gateway, body, headers, f"{ENVELOPE}?sentry_key=hw_web_{SECRET}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "x-sentry-rate-limits" in answer.headers["access-control-expose-headers"]
    assert record_of(gateway, event_id).logs[0].source == "frontend"
    asked = {"origin": PAGE, "access-control-request-headers": "x-sentry-auth"}
    assert gateway.client.options(ENVELOPE, headers=asked).status_code == 204


def test_over_its_quota_a_key_is_limited_but_may_report(gateway: Gateway) -> None:
    headers = {"x-sentry-auth": f"Sentry sentry_key=hw_smallsentry_{SECRET}"}
    answers = [post(gateway, an_event()[1], headers) for _ in range(21)]
    limited = answers[-1]
    assert limited.status_code == 429
    seconds = limited.headers["retry-after"]
    assert limited.headers["x-sentry-rate-limits"].startswith(f"{seconds}:default;error;")
    report = {
        "discarded_events": [{"reason": "ratelimit_backoff", "category": "error", "quantity": 2}]
    }
    assert post(gateway, envelope(("client_report", report)), headers).status_code == 200
    metrics = gateway.client.get("/metrics").text
    losses = 'headwater_ingest_client_losses_total{category="error",reason="ratelimit_backoff"}'
    assert f"{losses} 2.0" in metrics


def test_an_event_of_a_mebibyte_is_trimmed(gateway: Gateway) -> None:
    frame = {"function": "f", "vars": {"password": "hunter2zq", "long": "x" * 5_000}}
    event_id, body = an_event(
        exception={"values": [{"type": "E", "stacktrace": {"frames": [frame] * 150}}]},
        breadcrumbs=[{"message": "c" * 1_000} for _ in range(250)],
    )
    assert 1_000_000 < len(body) < 1024 * 1024
    assert post(gateway, body).status_code == 200
    (row,) = record_of(gateway, event_id).exceptions
    extra = json.loads(row.extra_data or "")
    assert extra["_trimmed"] == ["vars", "breadcrumbs"]
    assert "hunter2zq" not in (row.stacktrace or "")


def test_of_a_stack_that_is_too_long_both_ends_are_kept(gateway: Gateway) -> None:
    frames = [{"function": f"f{depth} {'x' * 800}", "lineno": depth} for depth in range(100)]
    thrown = {"type": "RecursionError", "value": "deep", "stacktrace": {"frames": frames}}
    event_id, body = an_event(exception={"values": [thrown]})
    assert post(gateway, body).status_code == 200
    (row,) = record_of(gateway, event_id).exceptions
    kept = [frame["lineno"] for frame in json.loads(row.stacktrace or "")]
    assert kept == [*range(99, 69, -1), *range(9, -1, -1)]
    assert "frames" in json.loads(row.extra_data or "")["_trimmed"]


def test_what_cannot_be_read_costs_itself_only(gateway: Gateway) -> None:
    event_id = uuid4().hex
    body = envelope(
        ("event", b"{"), ("session", {}), ("event", {"message": "kept"}), event_id=event_id
    )
    assert post(gateway, body).status_code == 200
    assert [row.message for row in record_of(gateway, event_id).logs] == ["kept"]
    metrics = gateway.client.get("/metrics").text
    assert 'headwater_ingest_ignored_items_total{type="session"}' in metrics


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{}\nnonsense", {}, 400),
        (b'{}\n{"type":"event","length":9}\n{}', {}, 400),
        (b"{}", {"content-encoding": "gzip"}, 400),
        (b"{}", {"content-encoding": "zstd"}, 400),
        (b"{}", {"content-encoding": "compress"}, 415),
        (gzip.compress(b"{}" + b" " * (21 * 1024 * 1024)), {"content-encoding": "gzip"}, 413),
        (
            bytes(cramjam.brotli.compress(b" " * (21 * 1024 * 1024))),
            {"content-encoding": "br"},
            413,
        ),
        (zlib.compress(b" " * (21 * 1024 * 1024)), {"content-encoding": "deflate"}, 413),
    ],
)
def test_what_is_no_envelope(
    gateway: Gateway, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert post(gateway, body, AUTH | headers).status_code == status
    assert gateway.is_alive()


@pytest.mark.parametrize("line_bytes", [500, 40_000])
@pytest.mark.parametrize("is_compressed", [True, False])
def test_an_envelope_as_large_as_may_be(
    gateway: Gateway, line_bytes: int, is_compressed: bool
) -> None:
    event_id = uuid4().hex
    items = [{"body": f"{event_id} " + "y" * line_bytes}] * (18 * 1024 * 1024 // line_bytes)
    body = envelope(("log", {"items": items}), event_id=event_id)
    headers = AUTH | ({"content-encoding": "gzip"} if is_compressed else {})
    answer = post(gateway, gzip.compress(body, 0) if is_compressed else body, headers)
    assert answer.status_code == 200, answer.text
    found = [row for record in gateway.records() for row in record.logs]
    assert sum(row.message.startswith(event_id) for row in found) == len(items)


def test_more_events_than_a_request_may_hold(gateway: Gateway) -> None:
    body = envelope(("log", {"items": [{}] * 50_001}))
    answer = post(gateway, gzip.compress(body), AUTH | {"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_many_events")


def test_a_bare_event_without_a_key_is_refused_before_it_is_read(gateway: Gateway) -> None:
    """The length promises more than may be: whoever reads on would answer 413."""
    assert post(gateway, b"x" * (6 * 1024 * 1024), {}, STORE).status_code == 403


def test_an_envelope_of_nobody_is_refused_before_its_items_are_read(gateway: Gateway) -> None:
    assert post(gateway, b"{}\nno item", {}).status_code == 403


def test_other_paths_and_methods(gateway: Gateway) -> None:
    assert gateway.client.get(ENVELOPE).status_code == 405
    assert post(gateway, b"{}", path="/api/1/minidump/").status_code == 404
    assert post(gateway, b"{}", path="/api/1/envelope").status_code == 200
