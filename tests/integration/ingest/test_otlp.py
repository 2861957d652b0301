"""`POST /v1/logs` of a real gateway: encodings, answers, keys."""

import gzip
import zlib
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from libs.common.events import BatchRecord
from services.ingest.api.otlp import PATH
from tests.integration.ingest.house import PAGE, Gateway, bearer
from tests.unit.ingest.otlp_making import as_json, as_protobuf, record, request

JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}


def post(gateway: Gateway, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    usual = bearer() | (JSON if content[:1] == b"{" else PROTOBUF)
    return gateway.client.post(PATH, content=content, headers=usual | (headers or {}))


def records_with(gateway: Gateway, release: str) -> list[BatchRecord]:
    """Return the records whose logs are of a release."""
    return [one for one in gateway.records() if one.logs and one.logs[0].release == release]


def described(release: str, *records: dict[str, Any]) -> dict[str, Any]:
    return request(*records or (record(),), resource={"service.version": release})


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
@pytest.mark.parametrize("is_json", [True, False])
def test_both_encodings_plain_and_compressed(
    gateway: Gateway, is_json: bool, encoding: str
) -> None:
    release = f"otlp-{is_json}-{encoding}"
    body = (as_json if is_json else as_protobuf)(described(release))
    packed = {"": body, "gzip": gzip.compress(body), "deflate": zlib.compress(body)}[encoding]
    headers = {"content-encoding": encoding} if encoding else {}
    kind = JSON if is_json else PROTOBUF
    answer = post(gateway, packed, headers | kind)
    assert answer.status_code == 200, answer.text
    assert answer.content == (b"{}" if is_json else b"")
    assert answer.headers["content-type"] == kind["content-type"]
    (found,) = records_with(gateway, release)
    assert found.logs[0].message == "it happened"


def test_an_attempt_again_is_the_same_batch(gateway: Gateway) -> None:
    body = as_protobuf(described("again"))
    assert [post(gateway, body).status_code for _ in range(2)] == [200, 200]
    first, second = records_with(gateway, "again")
    assert first.header.batch_id == second.header.batch_id
    assert first.header.batch_id.version == 5
    assert first.header.body_hmac == second.header.body_hmac
    assert [row.id for row in first.logs] == [row.id for row in second.logs]


def test_a_large_request_is_several_batches(gateway: Gateway) -> None:
    body = as_protobuf(described("large", *[record(f"m{n}") for n in range(2_500)]))
    assert post(gateway, body).status_code == 200
    found = records_with(gateway, "large")
    assert sorted(one.event_count for one in found) == [500, 1_000, 1_000]
    messages = [row.message for one in found for row in one.logs]
    assert sorted(messages) == sorted(f"m{n}" for n in range(2_500))


@pytest.mark.parametrize("is_json", [True, False])
def test_partial_success(gateway: Gateway, is_json: bool) -> None:
    records = [record("x" * 70_000), record("kept"), record("y" * 70_000)]
    answer = post(gateway, (as_json if is_json else as_protobuf)(described("part", *records)))
    assert answer.status_code == 200
    if is_json:
        said = answer.json()["partialSuccess"]
        assert said == {"rejectedLogRecords": "2", "errorMessage": "event_too_large (2)"}
    else:
        partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
        assert partial.rejected_log_records == 2
        assert partial.error_message == "event_too_large (2)"


def test_nothing_is_a_success(gateway: Gateway) -> None:
    assert post(gateway, b"").status_code == 200
    assert post(gateway, b"{}").json() == {}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, 3),
        (b"\xff\xff", {}, 400, 3),
        (b"{}", {"content-encoding": "gzip"}, 400, 3),
        (b"{}", {"content-encoding": "br"}, 400, 3),
        (b"{}", {"content-encoding": "compress"}, 415, 3),
        (b"{}", {"content-type": "text/plain"}, 415, 3),
        (b"{}", {"authorization": ""}, 401, 16),
        (b"{}", bearer("off"), 401, 16),
        (b"{}", bearer("nobody"), 401, 16),
        (b"{}", bearer("web"), 403, 7),
        (b"{}", {**bearer("web"), "origin": "https://evil.org"}, 403, 7),
        (b"{" + b" " * (20 * 1024 * 1024) + b"}", {}, 413, 8),
    ],
)
def test_refusals_are_statuses_in_the_requests_encoding(
    gateway: Gateway, content: bytes, headers: dict[str, str], status: int, code: int
) -> None:
    answer = post(gateway, content, headers)
    assert answer.status_code == status
    assert "retry-after" not in answer.headers
    if answer.headers["content-type"] == "application/json":
        said = msgspec.json.decode(answer.content)
        assert said["code"] == code
        assert said["message"]
    else:
        assert Status.FromString(answer.content).code == code


def test_a_quota_is_a_429_that_says_when(gateway: Gateway) -> None:
    body = as_json(described("quota", *[record()] * 21))
    assert post(gateway, body, bearer("smallotlp")).status_code == 413
    body = as_json(described("quota", *[record()] * 20))
    answers = [post(gateway, body, bearer("smallotlp")) for _ in range(2)]
    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == 8
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


def test_pages_may_post(gateway: Gateway) -> None:
    asked = {"access-control-request-headers": "authorization,content-type"}
    allowed = gateway.client.options(PATH, headers={"origin": PAGE, **asked})
    assert allowed.status_code == 204
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    answer = post(gateway, as_json(described("page")), {**bearer("web"), "origin": PAGE})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    (found,) = records_with(gateway, "page")
    assert found.logs[0].source == "frontend"
    assert isinstance(found.header.batch_id, UUID)


def test_other_methods(gateway: Gateway) -> None:
    answer = gateway.client.get(PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")


def test_more_records_than_a_request_may_hold(gateway: Gateway) -> None:
    records = b"{}," * 50_000 + b"{}"
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + records + b"]}]}]}"
    answer = post(gateway, body, {"content-type": "application/json"})
    assert answer.status_code == 413
    assert "50000 events" in answer.json()["message"]
