"""Laws of the way from a body to rows and verdicts."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.events import decode_batch, decode_rows, encode_batch
from libs.common.ids import id_milliseconds, milliseconds, new_uuid7
from services.ingest.domain.batch import Verdict
from tests.unit.ingest.making import (
    BATCH_ID,
    LIMITS,
    NOW,
    arrival,
    body_of,
    browser_key,
    log_event,
    read,
)

TEXT = st.text(max_size=40)
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
JSON_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    JSON_LEAF,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
MOMENT = st.datetimes(
    min_value=datetime(2026, 11, 1), max_value=datetime(2026, 12, 10), timezones=st.just(UTC)
)
ANY_MOMENT = st.datetimes(timezones=st.just(UTC))
LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


def rows_of(verdict: Verdict) -> list[Any]:
    record = verdict.record
    return [*record.logs, *record.exceptions, *record.samples]


@st.composite
def odd_events(draw: st.DrawFn) -> Any:
    """Something in the place of an event: good, half good, or nonsense."""
    event: dict[str, Any] = {
        "kind": draw(st.sampled_from(["log", "exception", "request", "query", "metric", None, 5]))
    }
    fields = {
        "message": TEXT | JSON,
        "exception": st.fixed_dictionaries({"type": TEXT}, optional={"stacktrace": JSON}) | JSON,
        "duration_ms": st.floats(-1, 1e13) | JSON,
        "id": st.uuids().map(str) | JSON,
        "created_at": MOMENT.map(datetime.isoformat) | ANY_MOMENT.map(str) | JSON,
        "level": st.sampled_from(["info", "ERROR", "²", 17]) | JSON,
        "status_code": st.integers(-1, 1_001) | JSON,
        "count": st.integers(-1, 5) | JSON,
        "user_id": TEXT | JSON,
        "extra_data": JSON,
        "password": TEXT,
    }
    for name, values in fields.items():
        if draw(st.booleans()):
            event[name] = draw(values)
    return draw(st.just(event) | JSON) if draw(st.integers(0, 5)) == 0 else event


def wire(events: list[Any], *, is_ascii: bool) -> bytes:
    """Write a body as Python does: NaN, lone surrogates and all."""
    document = {"batch_id": str(BATCH_ID), "events": events}
    return json.dumps(document, ensure_ascii=is_ascii).encode("utf-8", "replace")


@settings(max_examples=300, deadline=None)
@given(st.lists(odd_events(), min_size=1, max_size=6), st.booleans())
def test_every_event_is_a_row_or_rejected_with_a_reason(events: list[Any], is_ascii: bool) -> None:
    verdict = read(wire(events, is_ascii=is_ascii))
    assert verdict.event_count == len(events)
    assert verdict.record.event_count + len(verdict.rejected) == len(events)
    assert set(verdict.rejected) <= set(range(len(events)))
    for reason in verdict.rejected.values():
        assert reason.isascii()
        assert len(reason) < 60
        assert " " not in reason


@settings(max_examples=300, deadline=None)
@given(st.lists(odd_events(), min_size=1, max_size=6), st.booleans())
def test_rows_are_what_postgres_takes(events: list[Any], is_ascii: bool) -> None:
    for row in rows_of(read(wire(events, is_ascii=is_ascii))):
        for value in msgspec.structs.astuple(row):
            if isinstance(value, str):
                assert "\0" not in value
                value.encode()
        for column in ("extra_data", "stacktrace", "cause"):
            text = getattr(row, column, None)
            if text is not None:
                parsed = json.loads(text, parse_constant=refuse_constant)
                assert isinstance(parsed, dict if column == "extra_data" else list)
                assert "\\u0000" not in text.replace("\\\\", "")
        assert 0 <= (row.status_code or 0) <= 999
        assert row.count >= 1


def refuse_constant(name: str) -> None:
    raise AssertionError(name)


@settings(max_examples=150, deadline=None)
@given(st.lists(odd_events(), min_size=1, max_size=6))
def test_a_batch_is_one_record_that_decodes_to_the_same_rows(events: list[Any]) -> None:
    verdict = read(wire(events, is_ascii=True))
    value = encode_batch(verdict.record)
    assert decode_batch(value) == verdict.record
    tuples = decode_rows(value)
    assert [*tuples.logs, *tuples.exceptions, *tuples.samples] == [
        msgspec.structs.astuple(row) for row in rows_of(verdict)
    ]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(odd_events(), min_size=1, max_size=6),
    st.timedeltas(timedelta(0), timedelta(hours=2)),
)
def test_every_attempt_gives_the_same_verdict(events: list[Any], later: timedelta) -> None:
    body = wire(events, is_ascii=True)
    first, again = read(body), read(body, arrival(received_at=NOW + later))
    assert (first.batch_id, first.record_key) == (again.batch_id, again.record_key)
    assert first.rejected == again.rejected
    for one, other in zip(rows_of(first), rows_of(again), strict=True):
        is_ours = one.created_at == NOW
        moved = {"received_at": other.received_at}
        if is_ours or other.created_at == NOW + later:
            # the time of receipt stands in for the sender's: its id moves with it
            assert one.id.int & (1 << 62) - 1 == other.id.int & (1 << 62) - 1
            continue
        assert msgspec.structs.replace(one, **moved) == other


@settings(max_examples=150, deadline=None)
@given(st.lists(odd_events(), min_size=1, max_size=6), st.integers(0, 5))
def test_an_event_does_not_depend_on_its_neighbours(events: list[Any], position: int) -> None:
    position %= len(events)
    alone: list[Any] = [5] * len(events)
    alone[position] = events[position]
    together, single = (read(wire(batch, is_ascii=True)) for batch in (events, alone))
    assert together.rejected.get(position) == single.rejected.get(position)
    for row in rows_of(single):
        assert row in rows_of(together)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(MOMENT | ANY_MOMENT, st.booleans()), min_size=1, max_size=5),
    st.none() | MOMENT,
)
def test_an_id_alone_finds_its_slice(
    times: list[tuple[datetime, bool]], sent_at: datetime | None
) -> None:
    events = []
    for at, has_id in times:
        event = log_event(created_at=at.isoformat())
        if has_id and at.year >= 1970:
            event["id"] = str(new_uuid7(at))
        events.append(event)
    verdict = read(body_of(*events), arrival(sent_at=sent_at))
    rows = verdict.record.logs
    for row in rows:
        assert id_milliseconds(row.id) == milliseconds(row.created_at)
        assert (row.id.version, row.id.variant) == (7, "specified in RFC 4122")
    assert len({row.id for row in rows}) == len(rows)


@settings(max_examples=300, deadline=None)
@given(MOMENT | ANY_MOMENT, st.none() | MOMENT | ANY_MOMENT)
def test_clocks_are_corrected_and_clamped(at: datetime, sent_at: datetime | None) -> None:
    body = body_of(log_event(created_at=at.isoformat()))
    (row,) = read(body, arrival(sent_at=sent_at)).record.logs
    skew = NOW - sent_at if sent_at is not None else timedelta(0)
    if abs(skew) <= LIMITS.tolerated_skew:
        skew = timedelta(0)
    try:
        corrected: datetime | None = at + skew
    except OverflowError:
        corrected = None
    assert NOW - LIMITS.past <= row.created_at <= NOW + LIMITS.future
    if corrected is not None and NOW - LIMITS.past <= corrected <= NOW + LIMITS.future:
        assert row.created_at == corrected
        assert row.extra_data is None
    else:
        assert row.created_at == NOW
        kept = json.loads(row.extra_data or "{}")["client_created_at"]
        assert datetime.fromisoformat(kept) == at


@settings(max_examples=200, deadline=None)
@given(
    texts=st.dictionaries(
        st.sampled_from(
            ["trace_id", "session_id", "user_id", "module", "request_path", "request_method"]
        ),
        st.text("abcdefgh/ éß漢😀", min_size=1, max_size=30),
    ),
    level=st.sampled_from(LEVELS),
    numbers=st.fixed_dictionaries(
        {},
        optional={
            "status_code": st.integers(0, 999),
            "duration_ms": st.floats(0, 1e9),
            "count": st.integers(1, 1_000),
        },
    ),
    extra=st.dictionaries(
        st.sampled_from(["cart", "tenant", "flag"]),
        st.integers(-1_000, 1_000) | st.text("abc é😀", max_size=9),
        max_size=3,
    ),
    at=st.timedeltas(timedelta(0), timedelta(days=6)),
)
def test_every_field_of_an_accepted_event_arrives(
    texts: dict[str, str],
    level: str,
    numbers: dict[str, Any],
    extra: dict[str, Any],
    at: timedelta,
) -> None:
    created_at = NOW - at
    event_id = new_uuid7(created_at)
    event = log_event(
        "order placed 😀",
        id=str(event_id),
        created_at=created_at.isoformat(),
        level=level,
        source="api",
        extra_data=extra,
        **texts,
        **numbers,
    )
    for how, source in ((arrival(), "api"), (arrival(browser_key()), "frontend")):
        (row,) = read(body_of(event, release="1.2", environment="prod"), how).record.logs
        assert (row.id, row.created_at, row.received_at) == (event_id, created_at, NOW)
        assert (row.level, row.source, row.message) == (level, source, "order placed 😀")
        assert (row.application, row.release, row.environment) == ("shop", "1.2", "prod")
        for name, text in texts.items():
            assert getattr(row, name) == text
        for name, number in numbers.items():
            assert getattr(row, name) == number
        assert json.loads(row.extra_data or "{}") == extra


@settings(max_examples=100, deadline=None)
@given(
    PLAIN.map(lambda text: {"name": "sdk", "note": text}),
    st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_secrets_are_found_whatever_the_envelope_holds(
    decoy: dict[str, str], dirty: list[bool]
) -> None:
    """An envelope that repeats an event's text does not lead the search astray."""
    events = [
        {"kind": "log", "message": "m", "extra_data": {"password": "hunter2"}}
        if is_dirty
        else {"kind": "log", "message": "m", "extra_data": decoy}
        for is_dirty in dirty
    ]
    document = {"first": events[0], "sdk": decoy, "batch_id": str(BATCH_ID), "events": events}
    body = json.dumps(document).encode()
    assert b"hunter2" not in encode_batch(read(body).record)


def test_ids_of_positions_differ_between_batches() -> None:
    bodies = [body_of(log_event(), batch_id=UUID(int=n)) for n in (1, 2)]
    first, second = (read(body).record.logs[0].id for body in bodies)
    assert first != second
