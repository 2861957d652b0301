"""The short way through a batch that is in order gives the very bytes that the long way gives."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from libs.common.ids import new_uuid7
from services.ingest.domain import batch
from tests.unit.ingest.making import LIMITS, NOW, arrival, body_of, iso, redaction

EDGES = (
    timedelta(0),
    LIMITS.future,
    LIMITS.future - timedelta(minutes=1),
    -LIMITS.past,
    timedelta(minutes=1) - LIMITS.past,
    timedelta(seconds=44, microseconds=750_000),  # the end of `NOW`'s minute
)
nudges = st.integers(-70_000_000, 70_000_000).map(lambda count: timedelta(microseconds=count))
offsets = st.integers(-1_439, 1_439).map(lambda count: timezone(timedelta(minutes=count)))
moments = st.builds(
    lambda edge, nudge, offset: (NOW + edge + nudge).astimezone(offset),
    st.sampled_from(EDGES),
    nudges | st.sampled_from([timedelta(microseconds=count) for count in (-1, 0, 1)]),
    st.just(UTC) | offsets,
)
texts = st.sampled_from(["", "a", "token=abcdefgh", "u-00001", "käse"])


@st.composite
def sound_events(draw: st.DrawFn) -> dict[str, Any]:
    """Return an event as our SDKs send it; its id seldom is of another millisecond."""
    moment = draw(moments)
    id_moment = moment + draw(st.sampled_from([timedelta(0)] * 6 + [timedelta(milliseconds=1)]))
    event: dict[str, Any] = {
        "kind": "log",
        "id": str(new_uuid7(id_moment)),
        "created_at": iso(moment),
        "level": draw(st.sampled_from(["INFO", "warn", "ERROR"])),
        "message": draw(texts),
        "user_id": draw(texts),
    }
    if draw(st.booleans()):
        event["extra_data"] = draw(st.sampled_from([{}, {"a": 1}, {"password": "hunter2"}]))
    return event


def at(*at_moments: datetime) -> list[dict[str, Any]]:
    """Return log events of these times, enough of each to fill a piece."""
    return [
        {"kind": "log", "id": str(new_uuid7(one)), "created_at": iso(one), "message": "m" * 200}
        for one in at_moments
        for _ in range(60)
    ]


@given(st.lists(sound_events(), min_size=1, max_size=30), st.integers(1, 8))
@example(at(NOW, NOW - timedelta(days=1), NOW + timedelta(minutes=4, seconds=59), NOW), 1)
@example(at(NOW + LIMITS.future, NOW + LIMITS.future + timedelta(microseconds=1)), 1)
@example(at(NOW - LIMITS.past, NOW - LIMITS.past - timedelta(microseconds=1)), 1)
@example(at(datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)), 1)
@example(at(datetime(1970, 1, 1, tzinfo=UTC)), 1)
@settings(max_examples=200, deadline=None)
def test_the_two_ways_give_the_same_bytes(events: list[dict[str, Any]], copies: int) -> None:
    body = body_of(*events * copies)
    how = batch._How(arrival(), LIMITS, redaction())
    short, long = batch._read_whole(body, how), batch._read_each(body, how)
    assert short is not None
    assert short == long
