"""The short and the long way through a body answer alike, and the short one knows its limits."""

import json
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from libs.common.ids import new_uuid7
from services.ingest.domain import batch
from services.ingest.domain.errors import IngestError
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.whole import take_apart
from tests.unit.ingest.making import (
    BATCH_ID,
    LIMITS,
    NOW,
    ago,
    arrival,
    body_of,
    iso,
    log_event,
    redaction,
)

SOUND = log_event(
    id=str(new_uuid7(ago(hours=20))),
    created_at=iso(ago(hours=20)),
    user_id="",
    level="warn",
    extra_data={"password": "hunter2", "cart": 3},
)
THROWN = {
    "kind": "exception",
    "exception": {"type": "E", "stacktrace": [{"file": "a.py", "line": n} for n in range(40)]},
}
MISLEADING = {
    "kind": "exception",  # a cut before a `kind` may fall between these frames
    "exception": {"type": "E", "stacktrace": [{"kind": "x", "line": n} for n in range(40)]},
}


def id_and_time(**ago_by: float) -> dict[str, str]:
    """Return an id of its own time, as our SDKs send them."""
    moment = ago(**ago_by)
    return {"id": str(new_uuid7(moment)), "created_at": iso(moment)}


def both_ways(body: bytes, limits: BatchLimits = LIMITS) -> list[Any]:
    """Return what the short way and the long way say."""
    how = batch._How(arrival(), limits, redaction())
    return [batch._read_whole(body, how), batch._read_each(body, how)]


@pytest.mark.parametrize(
    "body",
    [
        body_of(SOUND),
        body_of(*[SOUND] * 300),
        body_of(*[log_event(str(n), **id_and_time(minutes=n)) for n in range(200)]),
        body_of(*[THROWN, SOUND] * 40),
        body_of(*[MISLEADING, SOUND] * 40),
        body_of(log_event("bare"), {"kind": "request", "duration_ms": 3}, release="token=abc"),
        body_of(log_event("from the past", **id_and_time(days=30))),
        body_of(log_event("ahead of us", **id_and_time(minutes=-60))),
        body_of(log_event("another time's id", id=str(BATCH_ID), created_at=iso(NOW))),
        body_of(log_event("no object", extra_data=None), log_event("empty", extra_data={})),
        body_of(log_event("wide", extra_data={"tags": ["t"] * 90})),
        body_of(log_event("käse"), log_event("https://u:p@example.org/?token=abc&x=1")),
        json.dumps({"batch_id": str(BATCH_ID), "events": [SOUND, THROWN]}, indent=2).encode(),
        b'{"events":[%b],"batch_id":"%b","sdk":{"name":"x"},"more":[1]}'
        % (json.dumps(log_event()).encode(), str(BATCH_ID).encode()),
    ],
)
def test_the_two_ways_answer_alike(body: bytes) -> None:
    short, long = both_ways(body)
    assert short is None or short == long


@pytest.mark.parametrize("event", [SOUND, THROWN, log_event("a")])
def test_ordinary_batches_go_the_short_way(event: dict[str, Any]) -> None:
    short, long = both_ways(body_of(*[event] * 250))
    assert short is not None
    assert short.record.event_count == long.record.event_count == 250
    assert short.hits == long.hits


SEVERAL = (
    b'{"batch_id":"%b","sdk":{"events":[{"kind":"log","message":"false"}]},%b:'
    b'[{"kind":"log","message":"true"}]}'
)


@pytest.mark.parametrize("own", [b'"events" :', b'"events"\t: ', rb'"ev\u0065nts":', b'"events":'])
@pytest.mark.parametrize("other", [b'"events":', b'"events" :', rb'"\u0065vents":'])
@pytest.mark.parametrize("is_first", [True, False])
def test_another_list_of_that_name_is_never_taken(own: bytes, other: bytes, is_first: bool) -> None:
    parts = [
        own + b'[{"kind":"log","message":"true"}]',
        b'"x":{' + other + b'[{"kind":"log","message":"false"}]}',
    ]
    body = b"{" + b",".join(parts if is_first else parts[::-1]) + b"}"
    short, long = both_ways(body)
    assert [row.message for row in long.record.logs] == ["true"]
    assert short is None or [row.message for row in short.record.logs] == ["true"]


@pytest.mark.parametrize("name", [b'"events"', rb'"\u0065vents"'])
def test_only_the_batchs_own_events_count(name: bytes) -> None:
    body = SEVERAL % (str(BATCH_ID).encode(), name)
    short, long = both_ways(body)
    assert short is None
    assert [row.message for row in long.record.logs] == ["true"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"events":[]}',
        b'{"events":[{"kind":"log","message":"a"}],"events":null}',
        b'{"events":[{"kind":"log","message":"a"}],"events":[]}',
        b'{"events":[{"kind":"log","message":"a"},]}',
        b'{"events":[{"kind":"log","message":"a"}]',
        b'{"sdk":{"events":[{"kind":"log","message":"a"}]}}',
        b'{"events":[{"kind":"log","message":"\xff"}]}',
        b'{"events":',
        b'"events":[',
        b"",
    ],
)
def test_what_is_no_batch_is_not_taken(body: bytes) -> None:
    how = batch._How(arrival(), LIMITS, redaction())
    assert batch._read_whole(body, how) is None


def test_an_event_of_any_size_is_measured_as_it_was_sent() -> None:
    limits = BatchLimits(event_bytes=2_000)
    long_secret = log_event(extra_data={"password": "x" * 2_000})
    body = body_of(*[SOUND] * 10, long_secret, *[SOUND] * 10)
    short, long = both_ways(body, limits)
    assert short is None
    assert long.rejected == {10: "event_too_large"}


def test_a_batch_of_too_many_events_is_refused() -> None:
    body = body_of(*[log_event()] * (LIMITS.event_count + 1))
    how = batch._How(arrival(), LIMITS, redaction())
    assert batch._read_whole(body, how) is None
    with pytest.raises(IngestError):
        batch._read_each(body, how)


def test_a_large_body_is_cut_between_events() -> None:
    taken = take_apart(body_of(*[SOUND] * 300), LIMITS, redaction(), Counter())
    assert taken is not None
    assert taken.envelope.batch_id == UUID(str(BATCH_ID))
    pieces = list(taken)
    assert len(pieces) > 3
    assert all(piece.startswith(b'[{"kind"') and piece.endswith(b"}]") for piece in pieces)
    assert [len(json.loads(piece)) for piece in pieces] == [
        piece.count(b'"kind"') for piece in pieces
    ]
