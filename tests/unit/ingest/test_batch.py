"""From a body to a verdict."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from libs.common.events import decode_batch, encode_batch
from services.ingest.domain.errors import BatchTooLarge, IngestError, InvalidBatch, MalformedBody
from services.ingest.domain.limits import BatchLimits
from tests.unit.ingest.making import (
    BATCH_ID,
    NOW,
    ago,
    arrival,
    body_of,
    browser_key,
    iso,
    key_record,
    log_event,
    raw_body,
    read,
)


def extra_of(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.extra_data or "{}")
    return found


def test_all_fields_of_a_log_arrive() -> None:
    event = log_event(
        "order placed",
        created_at=iso(ago(seconds=3)),
        level="warn",
        source="api",
        trace_id="t",
        session_id="s",
        user_id="u",
        module="m",
        request_path="/p",
        request_method="GET",
        status_code=201,
        duration_ms=12.5,
        count=3,
        extra_data={"cart": 3},
    )
    verdict = read(body_of(event, release="1.2", environment="prod", sdk={"name": "x"}))
    (row,) = verdict.record.logs
    assert (row.created_at, row.received_at) == (ago(seconds=3), NOW)
    assert (row.application, row.release, row.environment) == ("shop", "1.2", "prod")
    assert (row.level, row.source, row.message, row.count) == ("WARNING", "api", "order placed", 3)
    assert (row.trace_id, row.session_id, row.user_id, row.module) == ("t", "s", "u", "m")
    assert (row.request_path, row.request_method, row.status_code) == ("/p", "GET", 201)
    assert row.duration_ms == 12.5
    assert extra_of(row) == {"cart": 3}
    assert verdict.record.header.sdk == "x/"
    assert (verdict.batch_id, verdict.is_exactly_once) == (BATCH_ID, True)
    assert verdict.record_key == b"shop\0" + BATCH_ID.bytes
    assert decode_batch(encode_batch(verdict.record)) == verdict.record


def test_other_kinds() -> None:
    verdict = read(
        body_of(
            {"kind": "exception", "exception": {"type": "E", "stacktrace": [{"line": 1}]}},
            {"kind": "request", "request_path": "/a", "duration_ms": 5},
            {
                "kind": "query",
                "statement": "SELECT * FROM t WHERE a = 'x' AND b=5",
                "duration_ms": 1,
            },
        )
    )
    (thrown,) = verdict.record.exceptions
    assert (thrown.exception_type, thrown.message, thrown.level) == ("E", "", "ERROR")
    assert thrown.stacktrace == '[{"line":1}]'
    request, query = verdict.record.samples
    assert (request.kind, request.request_path, request.duration_ms) == ("request", "/a", 5)
    assert (query.kind, query.statement) == ("query", "SELECT * FROM t WHERE a = ? AND b=?")


def test_defaults() -> None:
    (row,) = read(raw_body('{"message":"m"}')).record.logs
    assert (row.level, row.source, row.count, row.created_at) == ("INFO", "backend", 1, NOW)
    assert (row.extra_data, row.module, row.release) == (None, None, None)


def test_a_browser_key_speaks_for_the_frontend_only() -> None:
    how = arrival(browser_key())
    (row,) = read(body_of(log_event(source="backend")), how).record.logs
    assert row.source == "frontend"


def test_bad_events_leave_the_rest() -> None:
    good = json.dumps(log_event())
    deep = '{"kind":"log","message":"m","extra_data":' + '{"a":' * 32 + "1" + "}" * 33
    wide = json.dumps(log_event(extra_data={f"k{n}": n for n in range(257)}))
    huge = json.dumps(log_event("x" * 70_000))
    bad_level = json.dumps(log_event(level="loud"))
    verdict = read(raw_body(good, "5", deep, good, wide, huge, bad_level, good))
    assert verdict.rejected == {
        1: "not_an_object",
        2: "too_deep",
        4: "too_many_keys",
        5: "event_too_large",
        6: "unknown_level",
    }
    assert verdict.record.event_count == 3


def test_the_deepest_extra_data_that_is_allowed() -> None:
    nested = '{"a":' * 31 + "1" + "}" * 31
    event = f'{{"kind":"log","message":"m","extra_data":{nested}}}'
    assert read(raw_body(event)).rejected == {}
    frames = "[" * 31 + "]" * 31
    thrown = f'{{"kind":"exception","exception":{{"type":"E","stacktrace":{frames}}}}}'
    assert read(raw_body(thrown)).rejected == {0: "too_deep"}


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        ('"half \\ud83d"', "half �"),
        ('"\\udc00\\ud800"', "��"),
        ('"nul \\u0000b7"', "nul �b7"),
        ('"raw \0 nul"', "raw � nul"),
        ('"tab\tline\n"', "tab\tline\n"),
        ('"esc \\u001b[31m \\u202e"', "esc \x1b[31m \u202e"),
    ],
)
def test_odd_text_costs_neither_event_nor_batch(odd: str, kept: str) -> None:
    one = f'{{"kind":"log","message":{odd},"extra_data":{{"a":[{odd}],"k":1}}}}'
    verdict = read(raw_body(json.dumps(log_event()), one))
    assert verdict.rejected == {}
    row = next(row for row in verdict.record.logs if row.message == kept)
    assert extra_of(row) == {"a": [kept], "k": 1}


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "1e999", "-1e200000", "1" * 5_000, "18446744073709551616"],
)
def test_numbers_that_no_double_holds_become_text(number: str) -> None:
    event = f'{{"kind":"log","message":"m","extra_data":{{"n":{number}}}}}'
    (row,) = read(raw_body(event)).record.logs
    assert extra_of(row) == {"n": number}


def test_a_nan_duration_is_that_events_fault_only() -> None:
    bad = '{"kind":"request","duration_ms":NaN}'
    verdict = read(raw_body(bad, '{"kind":"request","duration_ms":1}'))
    assert verdict.rejected == {0: "invalid_duration_ms"}
    assert verdict.record.event_count == 1


def test_extra_data_of_other_shapes() -> None:
    shapes = ["[1,2]", '"text"', "7", "true", "null", "{}", "[]", '""', "{  }"]
    bodies = raw_body(*(f'{{"message":"{n}","extra_data":{s}}}' for n, s in enumerate(shapes)))
    rows = {row.message: row.extra_data for row in read(bodies).record.logs}
    assert [json.loads(rows[str(n)] or "{}") or None for n in range(9)] == [
        *({"value": value} for value in ([1, 2], "text", 7, True)),
        None,
        None,
        {"value": []},
        {"value": ""},
        None,
    ]


def test_a_stack_trace_as_text_becomes_frames() -> None:
    event = {"kind": "exception", "exception": {"type": "E", "stacktrace": "at a\nat b"}}
    (row,) = read(body_of(event)).record.exceptions
    assert row.stacktrace == '[{"raw":"at a"},{"raw":"at b"}]'


@pytest.mark.parametrize("extra", ["{}", "{ }", "{ \n}", '{"a":1}', '{ "a":1}'])
def test_what_the_gateway_adds_joins_the_senders_object(extra: str) -> None:
    event = f'{{"message":"m","id":"{BATCH_ID}","extra_data":{extra}}}'
    (row,) = read(raw_body(event)).record.logs
    assert extra_of(row) == {"client_event_id": str(BATCH_ID), **json.loads(extra)}


def test_times_outside_of_the_window() -> None:
    times = [ago(days=8), NOW + timedelta(minutes=6), ago(days=6)]
    rows = read(body_of(*(log_event(created_at=iso(at)) for at in times))).record.logs
    assert [row.created_at for row in rows] == [NOW, NOW, ago(days=6)]
    assert extra_of(rows[0]) == {"client_created_at": "2026-11-16T12:30:15.250000Z"}
    assert rows[2].extra_data is None


def test_backfill_needs_the_right() -> None:
    body = body_of(log_event(created_at=iso(ago(days=60))))
    assert read(body).record.logs[0].created_at == NOW
    how = arrival(key_record(may_backfill=True))
    assert read(body, how).record.logs[0].created_at == ago(days=60)


@pytest.mark.parametrize(
    ("sent_ago", "shift"), [(60, 0), (61, 61), (-61, -61), (86_400 * 400, 86_400 * 400)]
)
def test_a_clock_that_is_off_is_corrected(sent_ago: int, shift: int) -> None:
    sent_at = NOW - timedelta(seconds=sent_ago)
    at = sent_at - timedelta(seconds=2)
    how = arrival(sent_at=sent_at)
    (row,) = read(body_of(log_event(created_at=iso(at))), how).record.logs
    expected = at + timedelta(seconds=shift)
    assert row.created_at == expected


def test_a_correction_beyond_all_calendars() -> None:
    for created_at, sent_ago in (("9999-12-31T23:59:59Z", 9_000), ("0001-01-01T00:00:00Z", -9_000)):
        how = arrival(sent_at=NOW - timedelta(days=sent_ago))
        (row,) = read(body_of(log_event(created_at=created_at)), how).record.logs
        assert (row.created_at, extra_of(row)) == (NOW, {"client_created_at": created_at})


def test_long_texts_are_cut_at_a_character_and_marked() -> None:
    event = log_event("é" * 20_000, module="m" * 300, request_path="/é" * 1_000)
    (row,) = read(body_of(event, release="ü" * 300)).record.logs
    assert len(row.message.encode()) == 32 * 1024
    assert row.module == "m" * 256
    assert len((row.request_path or "").encode()) <= 2_000
    assert row.release == "ü" * 128
    assert set(extra_of(row)["_truncated"]) == {"message", "module", "request_path"}


@pytest.mark.parametrize("text", ["é", "中", "🛒", "a\u0301"])
def test_every_cap_counts_bytes(text: str) -> None:
    """A text of any characters fits where its cap says so, and PostgreSQL's indexes take it."""
    ids = dict.fromkeys(("source", "trace_id", "session_id", "user_id", "module"), text * 300)
    shared = {**ids, "request_path": text * 2_000, "request_method": text * 300}
    body = body_of(
        log_event(text * 33_000, **shared),
        {"kind": "exception", "exception": {"type": text * 600, "value": text * 33_000}, **shared},
        {"kind": "query", "statement": text * 33_000, "duration_ms": 900.0, **shared},
        release=text * 300,
        environment=text * 300,
    )
    limits = replace(BatchLimits(), event_bytes=1024 * 1024)
    record = read(body, limits=limits).record
    (log,), (exception,), (sample,) = record.logs, record.exceptions, record.samples
    caps = {**dict.fromkeys((*ids, "release", "environment"), 256), "request_path": 2_000}
    longest = [
        *((row, name, cap) for row in (log, exception, sample) for name, cap in caps.items()),
        (log, "message", 32 * 1024),
        (exception, "message", 32 * 1024),
        (exception, "exception_type", 512),
        (sample, "statement", 32 * 1024),
    ]
    for row, name, cap in longest:
        kept = getattr(row, name)
        assert cap - 4 < len(kept.encode()) <= cap, (row.__class__.__name__, name)
        assert text.startswith(kept[-1]) or text.endswith(kept[-1]), name


def test_secrets_are_redacted_wherever_they_are() -> None:
    event = log_event(
        "login password=hunter2 ok",
        created_at="token=hunter2",
        id="hunter2",
        extra_data={"password": "hunter2", "deep": [{"api_key": "hunter2"}]},
    )
    body = body_of(event, release="api_key=hunter2", sdk={"name": "secret=hunter2"})
    verdict = read(body)
    value = encode_batch(verdict.record)
    # an id that is none is no secret by its name; everything announced as one is gone
    assert value.count(b"hunter2") == 1
    assert b'"client_event_id":"hunter2"' in value
    assert verdict.hits.total() >= 4


def test_an_sdk_that_says_nonsense_is_left_out() -> None:
    for sdk in ("5", "[[[[]]]]", '{"name":5}', '"x"', '{"name":"' + "x" * 5_000 + '"}'):
        body = f'{{"sdk":{sdk},"events":[{{"message":"m"}}]}}'.encode()
        assert read(body).record.header.sdk is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MalformedBody),
        (b" ", MalformedBody),
        (b"nonsense", MalformedBody),
        (b'{"events":[{"message":"m"}', MalformedBody),
        (b'{"events":[{"message":"m"},]}', MalformedBody),
        (b'{"events":[{"message":"m"}]}{}', MalformedBody),
        (b'{"events":[{"message":"\\x"}]}', MalformedBody),
        (b'{"events":[{"message":"\xff"}]}', MalformedBody),
        (b'{"events":[{"message":"\xc0\x80"}]}', MalformedBody),
        ('{"events":[{"message":"m"}]}'.encode("utf-16"), MalformedBody),
        (b"[" * 100_000, InvalidBatch),
        (b'{"a":' * 100_000, MalformedBody),
        (b'{"events":[' + b"[" * 5_000 + b"]" * 5_000 + b"]}", MalformedBody),
        (b"null", InvalidBatch),
        (b"[]", InvalidBatch),
        (b'"x"', InvalidBatch),
        (b"1", InvalidBatch),
        (b"NaN", InvalidBatch),
        (b"{}", InvalidBatch),
        (b'{"events":{}}', InvalidBatch),
        (b'{"events":[]}', InvalidBatch),
        (b'{"batch_id":"hunter2","events":[{}]}', InvalidBatch),
        (b'{"release":5,"events":[{}]}', InvalidBatch),
        (b'{"events":[' + b"{}," * 1_000 + b"{}]}", BatchTooLarge),
        (b'{"events":[' + b"1," * 2_000_000 + b"1]}", BatchTooLarge),
        (b'{"events":[' + b'"[, \\"" ,' * 500_000 + b"1]}", BatchTooLarge),
    ],
)
def test_bodies_that_are_no_batch(body: bytes, error: type[IngestError]) -> None:
    with pytest.raises(error) as caught:
        read(body)
    assert "hunter2" not in caught.value.detail
    assert len(caught.value.detail) < 300


def test_a_large_body_with_many_commas_but_few_events() -> None:
    numbers = ",".join(["1"] * 25_000)
    event = f'{{"message":"m","extra_data":{{"n":[{numbers}]}}}}'
    verdict = read(raw_body(*[event] * 30))
    assert (verdict.event_count, verdict.rejected) == (30, {})


def test_a_batch_without_id_gets_one() -> None:
    body = b'{"events":[{"message":"m"}]}'
    first, second = read(body), read(body)
    assert not first.is_exactly_once
    assert first.batch_id != second.batch_id


def test_limits_are_configurable() -> None:
    limits = BatchLimits(event_count=1, event_bytes=40)
    with pytest.raises(BatchTooLarge):
        read(body_of(log_event(), log_event()), limits=limits)
    assert read(body_of(log_event("x" * 40)), limits=limits).rejected == {0: "event_too_large"}
