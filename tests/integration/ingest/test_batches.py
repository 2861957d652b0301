"""`POST /api/v1/ingest/batches` of a real gateway, to the record in Kafka."""

import gzip
import hmac
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from libs.common.clock import SystemClock
from libs.common.ids import batch_key, new_uuid7
from libs.common.topics import partition_of
from services.ingest.api.batches import PATH
from tests.integration.ingest.house import (
    INSTALLATION_SECRET,
    PAGE,
    Gateway,
    batch,
    bearer,
)
from tests.unit.ingest.making import SECRET

CLOCK = SystemClock()


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document: dict[str, Any] = answer.json()
    assert document["status"] == answer.status_code
    return document


def test_an_accepted_batch_is_one_record(gateway: Gateway) -> None:
    created_at = CLOCK.now() - timedelta(seconds=5)
    event_id = new_uuid7(created_at)
    log = {
        "kind": "log",
        "id": str(event_id),
        "created_at": created_at.isoformat(),
        "level": "fatal",
        "message": "card 4111 1111 1111 1111 refused",
        "extra_data": {"password": "hunter2", "cart": 3},
    }
    events = [
        log,
        {"kind": "log", "message": "m", "level": "loud"},
        {"kind": "exception", "exception": {"type": "E"}},
        {"kind": "request", "duration_ms": 1},
    ]
    body = json.dumps(batch(events=events, release="1.2")).encode()
    answer = gateway.post(body)
    assert answer.status_code == 202
    document = answer.json()
    batch_id = UUID(document["batch_id"])
    assert document["accepted"] == 3
    assert document["rejected"] == [{"index": 1, "reason": "unknown_level"}]
    assert document["receipt"]["partition"] == partition_of(batch_key("shop", batch_id), 3)
    assert "exactly_once" not in document
    assert answer.headers["cache-control"] == "no-store"

    record = gateway.record_of(document["batch_id"])
    (row,) = record.logs
    assert (row.id, row.created_at, row.level) == (event_id, created_at, "CRITICAL")
    assert json.loads(row.extra_data or "") == {"password": "[REDACTED]", "cart": 3}
    assert "4111" not in row.message
    assert [row.exception_type for row in record.exceptions] == ["E"]
    assert [row.kind for row in record.samples] == ["request"]
    assert (record.header.application, record.header.key_id) == ("shop", "k1")
    assert record.header.body_hmac == hmac.digest(INSTALLATION_SECRET, body, "sha256")


def test_a_batch_without_id_is_not_promised_once(gateway: Gateway) -> None:
    document = gateway.post({"events": [{"message": "m"}]}).json()
    assert document["exactly_once"] is False
    assert UUID(document["batch_id"]).version == 7


def test_all_rejected_is_an_answer_without_a_record(gateway: Gateway) -> None:
    document = gateway.post({"batch_id": str(uuid4()), "events": [5]}).json()
    assert document["accepted"] == 0
    assert document["receipt"] is None


def test_attempts_answer_the_same(gateway: Gateway) -> None:
    body = json.dumps(
        {"batch_id": str(uuid4()), "events": [{"message": "m"}, 5, {"message": "n"}]}
    ).encode()

    def attempt(_: int) -> tuple[int, dict[str, Any]]:
        answer = gateway.post(body)
        document = answer.json()
        document.pop("receipt")
        return answer.status_code, document

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(50)))
    assert answers == [answers[0]] * 50
    assert answers[0][0] == 202
    copies = [r for r in gateway.records() if str(r.header.batch_id) == answers[0][1]["batch_id"]]
    assert len(copies) == 50
    assert len({copy.header.body_hmac for copy in copies}) == 1
    ids = {tuple(row.id.int & (1 << 62) - 1 for row in copy.logs) for copy in copies}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        (bearer(), ""),
        ({"authorization": f"bearer hw_k1_{SECRET}"}, ""),
        ({"authorization": "", "x-headwater-key": f"hw_k1_{SECRET}"}, ""),
        ({"authorization": "Basic eDp5", "x-headwater-key": f"hw_k1_{SECRET}"}, ""),
        ({"authorization": ""}, f"?key=hw_k1_{SECRET}"),
        (bearer("turned"), ""),
        (bearer("turned", "before"), ""),
        ({**bearer("web"), "origin": PAGE}, ""),
        ({**bearer("web"), "origin": "https://a.b.example.org"}, ""),
        ({"authorization": "", "origin": PAGE}, f"?key=hw_web_{SECRET}"),
        ({**bearer(), "origin": "https://anywhere.net"}, ""),
    ],
)
def test_keys_that_may_post(gateway: Gateway, headers: dict[str, str], query: str) -> None:
    assert gateway.post(batch(), headers, query).status_code == 202


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": ""}, ""),
        ({"authorization": "Bearer"}, ""),
        ({"authorization": f"Basic hw_k1_{SECRET}"}, ""),
        (bearer("k1", "wrong"), ""),
        (bearer("nobody"), ""),
        (bearer("off"), ""),
        (bearer("past", "before"), ""),
        ({"authorization": f"Bearer hw_k1_{SECRET} x"}, ""),
        ({"authorization": ""}, "?key=hw_k1_wrong"),
        ({"authorization": ""}, f"?KEY=hw_k1_{SECRET}"),
    ],
)
def test_keys_that_may_not(gateway: Gateway, headers: dict[str, str], query: str) -> None:
    answer = gateway.post(batch(), headers, query)
    problem = problem_of(answer)
    assert (problem["status"], problem["reason"], problem["retryable"]) == (
        401,
        "invalid_key",
        False,
    )
    assert answer.headers["www-authenticate"] == "Bearer"


def test_two_keys_are_no_key(gateway: Gateway) -> None:
    headers = [("authorization", f"Bearer hw_k1_{SECRET}"), ("authorization", "Bearer other")]
    answer = gateway.client.post(PATH, json=batch(), headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "origin", ["https://evil.org", "null", "http://[", f"{PAGE}.evil.org", None]
)
def test_a_browser_key_elsewhere(gateway: Gateway, origin: str | None) -> None:
    headers = {**bearer("web")} | ({"origin": origin} if origin else {})
    answer = gateway.post(batch(), headers)
    assert problem_of(answer)["reason"] == "origin_not_allowed"
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_browser_speaks_for_the_frontend(gateway: Gateway) -> None:
    events = [{"message": "m", "source": "backend"}]
    answer = gateway.post(batch(events=events), {**bearer("web"), "origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["vary"] == "Origin"
    (row,) = gateway.record_of(answer.json()["batch_id"]).logs
    assert row.source == "frontend"


def test_a_page_can_read_why_it_is_refused(gateway: Gateway) -> None:
    for headers, status in [(bearer("web", "wrong"), 401), ({**bearer("web"), "x": "y"}, 400)]:
        answer = gateway.post(b"{", {**headers, "origin": PAGE})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == PAGE


def test_preflights(gateway: Gateway) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-sent-at"}
    answer = gateway.client.options(PATH, headers={"origin": PAGE, **asked})
    assert answer.status_code == 204
    assert "content-length" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "x-sent-at" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    for origin in ("https://evil.org", "null", "http://["):
        refused = gateway.client.options(PATH, headers={"origin": origin, **asked})
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 202),
        ("application/json; charset=utf-8", 202),
        ("text/plain;charset=UTF-8", 202),
        ("", 202),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/html", 415),
    ],
)
def test_content_types(gateway: Gateway, content_type: str, status: int) -> None:
    assert gateway.post(batch(), {"content-type": content_type}).status_code == status


def test_gzip(gateway: Gateway) -> None:
    plain = json.dumps(batch("zipped" * 1_000)).encode()
    answer = gateway.post(gzip.compress(plain), {"content-encoding": "gzip"})
    assert answer.status_code == 202
    record = gateway.record_of(answer.json()["batch_id"])
    assert record.logs[0].message == "zipped" * 1_000
    assert record.header.body_hmac == hmac.digest(INSTALLATION_SECRET, plain, "sha256")


@pytest.mark.parametrize("by_header", [True, False])
def test_a_clock_that_is_an_hour_off(gateway: Gateway, by_header: bool) -> None:
    sent_at = datetime.now(UTC) - timedelta(hours=1)
    text = sent_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    created_at = (sent_at - timedelta(minutes=1)).isoformat()
    headers = {"x-sent-at": text} if by_header else {}
    query = "" if by_header else f"?sent_at={text}"
    sent = batch(events=[{"message": "m", "created_at": created_at}])
    answer = gateway.post(sent, headers, query)
    (row,) = gateway.record_of(answer.json()["batch_id"]).logs
    behind = row.received_at - row.created_at
    assert timedelta(seconds=58) < behind < timedelta(seconds=63)


@pytest.mark.parametrize(
    ("count", "status", "reason"), [(1_000, 202, None), (1_001, 413, "too_many_events")]
)
def test_the_number_of_events(
    gateway: Gateway, count: int, status: int, reason: str | None
) -> None:
    answer = gateway.post(batch(*["m"] * count))
    assert (answer.status_code, answer.json().get("reason")) == (status, reason)


def test_a_body_that_is_too_large(gateway: Gateway) -> None:
    body = json.dumps(batch("m" * (5 * 1024 * 1024))).encode()
    for sent, headers in ((body, {}), (gzip.compress(body), {"content-encoding": "gzip"})):
        problem = problem_of(gateway.post(sent, headers))
        assert (problem["status"], problem["reason"]) == (413, "body_too_large")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_client_that_sends_before_it_reads_sees_the_refusal(
    gateway: Gateway, *, is_chunked: bool
) -> None:
    body = b"x" * (16 * 1024 * 1024)
    framing = b"transfer-encoding: chunked" if is_chunked else b"content-length: %d" % len(body)
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: {bearer()['authorization']}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.process.port), timeout=20) as client:
        client.sendall(head.encode() + framing + b"\r\n\r\n")
        client.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body)
        assert client.recv(12) == b"HTTP/1.1 413"


def test_quotas(gateway: Gateway) -> None:
    assert gateway.post(batch(*["m"] * 15), bearer("small")).status_code == 202
    answer = gateway.post(batch(*["m"] * 15), bearer("small"))
    assert problem_of(answer)["reason"] == "rate_limited"
    assert answer.status_code == 429
    assert answer.json()["retryable"] is True
    assert int(answer.headers["retry-after"]) == 45
    too_many = gateway.post(batch(*["m"] * 21), bearer("small"))
    assert (too_many.status_code, too_many.json()["retryable"]) == (413, False)


def test_trace_ids(gateway: Gateway) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for headers, expected in [
        ({"x-trace-id": "abc-1"}, "abc-1"),
        ({"traceparent": traceparent}, traceparent.split("-")[1]),
    ]:
        assert gateway.post(batch(), headers).headers["x-trace-id"] == expected
        assert gateway.post(b"", headers).headers["x-trace-id"] == expected
    assert len(gateway.post(batch()).headers["x-trace-id"]) == 32


def test_other_methods_and_paths_are_problems(gateway: Gateway) -> None:
    wrong = gateway.client.get(PATH)
    assert problem_of(wrong)["reason"] == "method_not_allowed"
    assert wrong.headers["allow"] == "POST, OPTIONS"
    assert problem_of(gateway.client.get("/nowhere"))["status"] == 404
    assert problem_of(gateway.client.post("/healthz"))["status"] == 405


def test_metrics_and_health(gateway: Gateway) -> None:
    gateway.post(batch())
    assert gateway.client.get("/readyz").json() == {"ready": True, "missing": {}}
    metrics = gateway.client.get("/metrics").text
    assert 'headwater_ingest_events_total{fate="accepted"}' in metrics
    assert "headwater_ingest_inflight_bytes 0.0" in metrics


def test_nothing_that_was_posted_is_logged(gateway: Gateway) -> None:
    gateway.post(batch("token=hunter2logged"), query="?key=hw_k1_hunter2logged")
    gateway.post(b"hunter2logged{", {"content-type": "hunter2logged"})
    assert "hunter2logged" not in gateway.process.log.read_text()
