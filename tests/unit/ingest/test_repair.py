"""Mending events."""

import json
from typing import Any

import msgspec
import pytest

from services.ingest.domain.client_events import event_decoder
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.repair import (
    Unmendable,
    clean,
    clean_text,
    decode_leniently,
    exact_float,
    exact_int,
    invalid_field,
    mend,
)


@pytest.mark.parametrize(
    ("text", "clean_form"),
    [
        ("plain", "plain"),
        ("a\0b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("x\udc00\ud800y\0", "x\ufffd\ufffdy\ufffd"),
        ("é😀", "é😀"),
        ("esc \x1b[31m \x7f \u2028 \u202e \u200b", "esc \x1b[31m \x7f \u2028 \u202e \u200b"),
    ],
)
def test_text_that_postgres_can_hold(text: str, clean_form: str) -> None:
    assert clean_text(text) == clean_form


def test_keys_are_cleaned_too() -> None:
    assert clean({"a\0": ["\0", {"\ud800": 1}]}, BatchLimits()) == {"a�": ["�", {"�": 1}]}


def test_depth_and_keys_are_limited() -> None:
    limits = BatchLimits(depth=3, object_keys=2)
    assert clean({"a": [[1]]}, limits) == {"a": [[1]]}
    with pytest.raises(Unmendable, match="too_deep"):
        clean({"a": [[[1]]]}, limits)
    with pytest.raises(Unmendable, match="too_deep"):
        clean({"a": {"b": {"c": {}}}}, limits)
    with pytest.raises(Unmendable, match="too_many_keys"):
        clean({"a": {"b": 1, "c": 2, "d": 3}}, limits)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("9007199254740993", 2**53 + 1),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", "9223372036854775808"),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", "-9223372036854775809"),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_integers_stay_exact(text: str, value: int | str) -> None:
    assert exact_int(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.5", 12.5),
        ("-1.5e3", -1500.0),
        ("1e308", 1e308),
        ("1e999", "1e999"),
        ("-1E400", "-1E400"),
        ("0.1" + "0" * 5 + "1" * 400, "0.1" + "0" * 5 + "1" * 400),
        ("0.12345678901234567", 0.12345678901234567),
        ("1." + "0" * 5_000, "1." + "0" * 5_000),
    ],
)
def test_fractions_stay_exact(text: str, value: float | str) -> None:
    assert exact_float(text) == value


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a":1,}', b"{'a':1}", b'"\\x"'])
def test_what_is_no_json_is_named(raw: bytes) -> None:
    with pytest.raises(Unmendable, match="malformed_event"):
        decode_leniently(raw)


@pytest.mark.parametrize("raw", [b"1", b"null", b"[]", b'"x"'])
def test_an_event_is_an_object(raw: bytes) -> None:
    with pytest.raises(Unmendable, match="not_an_object"):
        decode_leniently(raw)


@pytest.mark.parametrize(
    ("level", "name"),
    [
        ("error", "ERROR"),
        ("ERROR ", "ERROR"),
        ("Warn", "WARNING"),
        ("fatal", "CRITICAL"),
        (17, "ERROR"),
        ("9", "INFO"),
    ],
)
def test_levels(level: str | int, name: str) -> None:
    assert mend({"level": level})["level"] == name


@pytest.mark.parametrize("level", ["ERRÖR", "²", "loud", 0, 25, True, 1.5, [], {"a": 1}])
def test_levels_without_meaning(level: Any) -> None:
    with pytest.raises(Unmendable, match="level"):
        mend({"level": level})


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-24T12:00:00Z", "2026-11-24T12:00:00+00:00"),
        ("2026-11-24 12:00:00", "2026-11-24T12:00:00+00:00"),
        ("2026-11-24T13:00:00+01:00", "2026-11-24T12:00:00+00:00"),
        ("20261124", "2026-11-24T00:00:00+00:00"),
        (1_764_000_000, "2025-11-24T16:00:00+00:00"),
        (1_764_000_000_123, "2025-11-24T16:00:00.123000+00:00"),
        (1_764_000_000.5, "2025-11-24T16:00:00.500000+00:00"),
        ("1764000000", "2025-11-24T16:00:00+00:00"),
        ("1764000000123", "2025-11-24T16:00:00.123000+00:00"),
        # ISO 8601 in its short form would be the last day of 1761
        ("1761231123450", "2025-10-23T14:52:03.450000+00:00"),
        (-1, "1969-12-31T23:59:59+00:00"),
    ],
)
def test_times_in_other_spellings(value: Any, moment: str) -> None:
    event = mend({"created_at": value})
    assert event["created_at"] == moment
    assert event["extra_data"] is None


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-30T00:00:00Z",
        "2026-11-24T24:00:60Z",
        "2026-11-24T12:00:00+99:99",
        "0001-01-01T00:00:00+23:59",
        "294277-01-01T00:00:00Z",
        "yesterday",
        "--5",
        "²",
        "9" * 400,
        True,
        [],
        10**30,
        1e300,
    ],
)
def test_what_is_no_time_is_kept_beside(value: Any) -> None:
    event = mend({"created_at": value})
    assert event["created_at"] is None
    assert event["extra_data"] == {"client_created_at": str(value)[:256]}


def test_ids_that_are_none_are_kept_beside() -> None:
    event = mend({"id": "x" * 10_000, "extra_data": {"a": 1}})
    assert event["id"] is None
    assert event["extra_data"] == {"a": 1, "client_event_id": "x" * 256}
    assert mend({"id": 5})["extra_data"] == {"client_event_id": "5"}
    assert mend({"id": "0192AACC-11EE-7E00-A000-AABBCCDDEEFF"})["id"].islower()


def test_other_shapes_of_fields() -> None:
    event = mend(
        {
            "user_id": 42,
            "trace_id": 1.5,
            "extra_data": [1],
            "exception": {"type": "E", "stacktrace": "a\nb", "cause": {"type": "F"}},
        }
    )
    assert event["kind"] == "log"
    assert (event["user_id"], event["trace_id"]) == ("42", "1.5")
    assert event["extra_data"] == {"value": [1]}
    assert event["exception"]["stacktrace"] == [{"raw": "a"}, {"raw": "b"}]
    assert event["exception"]["cause"] == [{"type": "F"}]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"kind": "hunter2"}, "unknown_kind"),
        ({"kind": 5}, "unknown_kind"),
        ({"kind": "log"}, "missing_message"),
        ({"kind": "log", "message": True}, "invalid_message"),
        ({"kind": "log", "message": "m", "user_id": []}, "invalid_user_id"),
        ({"kind": "log", "message": "m", "duration_ms": -1}, "invalid_duration_ms"),
        ({"kind": "log", "message": "m", "duration_ms": 1e308}, "invalid_duration_ms"),
        ({"kind": "log", "message": "m", "status_code": 99_999}, "invalid_status_code"),
        ({"kind": "log", "message": "m", "status_code": "200"}, "invalid_status_code"),
        ({"kind": "log", "message": "m", "count": 0}, "invalid_count"),
        ({"kind": "exception"}, "missing_exception"),
        ({"kind": "exception", "exception": "Boom"}, "invalid_exception"),
        ({"kind": "exception", "exception": {}}, "missing_exception_type"),
        ({"kind": "exception", "exception": {"type": 5}}, "invalid_exception_type"),
        ({"kind": "request"}, "missing_duration_ms"),
        ({"kind": "query", "duration_ms": 1, "statement": 5}, "invalid_statement"),
    ],
)
def test_reasons_name_the_field_and_never_its_value(event: Any, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        event_decoder.decode(json.dumps(event))
    assert invalid_field(caught.value) == reason
