"""What bodies of other formats may become: many small parts cost more than their bytes say."""

from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec
import pytest

from services.ingest.domain.density import count_json_objects, count_messages
from services.ingest.domain.errors import BatchTooLarge, MalformedBody, Unavailable
from services.ingest.domain.inflight import Inflight
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.otlp import count_objects, count_records, decode_request, read_events
from services.ingest.domain.sentry_items import read_items
from tests.unit.ingest.making import LIMITS, read_envelope, redaction
from tests.unit.ingest.otlp_making import as_json, as_protobuf, record, request
from tests.unit.ingest.test_sentry import envelope

FEW = BatchLimits(request_event_count=1_000)
both = pytest.mark.parametrize("encode", [as_json, as_protobuf])


def extras_of(described: dict[str, Any]) -> list[dict[str, Any]]:
    decoded = decode_request(as_json(described), is_json=True)
    found = read_events(decoded, redaction().redact_text, Counter())
    return [msgspec.json.decode(msgspec.json.encode(event["extra_data"])) for _, event in found]


@both
def test_too_many_records_are_refused(encode: Callable[[Any], bytes]) -> None:
    decoded = decode_request(encode(request(*[record()] * 1_001)), is_json=encode is as_json)
    with pytest.raises(BatchTooLarge):
        count_records(decoded, FEW)
    assert count_records(decoded, LIMITS) == 1_001


def test_a_large_resource_is_not_copied_into_every_record() -> None:
    one = request(record(), record(attributes={"resource": "own"}), resource={"a": "x" * 17_000})
    assert [extra["resource"] for extra in extras_of(one)] == ["[too large]", "own"]
    small = request(record(), resource={"a": "x" * 1_000})
    assert extras_of(small)[0]["resource"] == {"a": "x" * 1_000}


def test_the_copies_of_a_resource_are_bounded_together() -> None:
    described = request(*[record()] * 6_000, resource={"a": "x" * 16_000})
    kept = [extra["resource"] for extra in extras_of(described)]
    assert 3_000 < kept.index("[too large]") < 5_000
    assert set(kept[5_000:]) == {"[too large]"}


def test_a_long_logger_or_service_is_cut_after_redaction() -> None:
    secret = "y" * 1_015 + " password=hunter2zq"
    decoded = decode_request(
        as_json(request(record(), resource={"service.name": secret}, logger=secret)), is_json=True
    )
    ((_, event),) = read_events(decoded, redaction().redact_text, Counter())
    assert len(event["module"]) == len(event["source"]) == 1_024
    assert "hunt" not in event["module"] + event["source"]


@pytest.mark.parametrize(
    ("body", "is_json"),
    [
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + b"{ }," * 20_000 + b"{}]}]}]}", True),
        (b"[" * 40_000, True),
        (as_protobuf(request(*[{"body": {"stringValue": ""}}] * 70_000)), False),
        (as_protobuf(request(record(list(range(70_000))))), False),
    ],
)
def test_a_dense_body_is_refused_before_it_is_decoded(body: bytes, is_json: bool) -> None:
    with pytest.raises(BatchTooLarge):
        count_objects(body, FEW, is_json=is_json)


@pytest.mark.parametrize("is_json", [True, False])
def test_an_ordinary_body_is_not_dense(is_json: bool) -> None:
    one = record('text with {}, {"json": [[1]]} in it', attributes={"a": "b" * 300, "c": 1})
    described = request(*[one] * 1_000)
    body = as_json(described) if is_json else as_protobuf(described)
    assert 5_000 <= count_objects(body, FEW, is_json=is_json) <= 12_000


def test_the_walk_through_protobuf_counts_what_the_decoder_makes() -> None:
    described = request(*[record({"a": [1, {"b": "x" * 300}]})] * 1_000, resource={"r": 1})
    # request: resource logs, resource, attribute, value, scope logs, scope; record: itself, body,
    # map, attribute, value, list, two values, map, attribute, value
    assert count_messages(as_protobuf(described), LIMITS) == 6 + 11 * 1_000


@pytest.mark.parametrize("cut", [1, 2, 3, 1_000, 299_999])
def test_a_body_of_protobuf_that_is_cut_off_is_left_to_the_decoder(cut: int) -> None:
    body = as_protobuf(request(*[record("x" * 1_000)] * 600))
    assert count_messages(body[:-cut], LIMITS) == 0
    with pytest.raises(MalformedBody):
        decode_request(body[:-cut], is_json=False)


def test_nesting_without_an_end_is_left_to_the_decoder() -> None:
    for body in (b"\x0a\xff\xff\xff\x7f" * 100_000, b"\xff" * 300_000):
        assert count_messages(body, LIMITS) == 0
        with pytest.raises(MalformedBody):
            decode_request(body, is_json=False)


def test_a_container_of_too_many_logs_is_refused() -> None:
    body = envelope(("log", {"items": [{"body": "m"}] * 1_001}))
    with pytest.raises(BatchTooLarge):
        read_items(read_envelope(body), FEW)
    body = envelope(*[("log", {"items": [{}] * 8_000})] * 3)
    with pytest.raises(BatchTooLarge):
        read_items(read_envelope(body), FEW)


def test_objects_are_counted_over_all_items() -> None:
    body = envelope(*[("event", {"extra": {"a": [{}] * 5_000}})] * 4)
    with pytest.raises(BatchTooLarge, match="objects"):
        read_items(read_envelope(body), FEW)


def test_events_are_made_while_they_are_taken() -> None:
    """What came before an item that cannot be counted yet is not made twice, nor kept."""
    reading = read_items(
        read_envelope(envelope(("log", {"items": [{"body": n} for n in range(900)]}))), FEW
    )
    assert reading.event_count == 900
    assert [event["message"] for _, event in islice(reading.events, 2)] == ["0", "1"]
    assert sum(1 for _ in reading.events) == 898


def test_spans_that_make_no_sample_do_not_count() -> None:
    span = {"start_timestamp": 1.7e9, "end_timestamp": 1.7e9 + 1, "name": "GET /x"}
    items = [span, span | {"is_segment": True}, {}]
    reading = read_items(read_envelope(envelope(("span", {"items": items}))), LIMITS)
    assert reading.event_count == len(list(reading.events)) == 1


def test_json_in_texts_is_not_counted() -> None:
    text = msgspec.json.encode({"a": '{"b":{"c":[{"d":1},{"e":2}]}}' * 100})
    assert count_json_objects(text, FEW) <= 2


def test_what_a_body_becomes_is_held_and_never_refused() -> None:
    inflight = Inflight(100)
    with inflight.hold() as held:
        held.add(90)
        held.become(40)
        assert inflight.held_bytes == 40
        held.grow(500)
        with pytest.raises(Unavailable):
            inflight.check(1)
    assert inflight.held_bytes == 0
