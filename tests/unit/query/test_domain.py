"""The pure rules of the query service, by example."""

from datetime import UTC, datetime, timedelta

import pytest

from services.query.domain.buckets import bucket_starts, plan_statistics
from services.query.domain.completeness import Completeness, StoredOffset, advance
from services.query.domain.errors import (
    InvalidParameter,
    PreconditionFailed,
    PreconditionMissing,
)
from services.query.domain.etags import check_if_match, etag_of
from services.query.domain.ledger import (
    Boot,
    HourCount,
    State,
    Surroundings,
    judge,
    uncounted_hours,
    worst,
)
from services.query.domain.log_filters import LogFilters, parse_log_query, parse_moment
from services.query.domain.scope import EVERYTHING, Scope, scope_of
from services.query.domain.windows import Window

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_filters_are_the_same_whatever_the_order() -> None:
    one = parse_log_query([("level", "warn"), ("level", "ERROR"), ("module", "a")])
    other = parse_log_query([("module", "a"), ("level", "error"), ("level", "WARNING")])
    assert one == other
    assert one.filters.included == (("level", ("ERROR", "WARNING")), ("module", ("a",)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23T12:00:00", NOON),
        ("2026-11-23 12:00", NOON),
        ("2026-11-23T13:00:00+01:00", NOON),
        ("2026-11-23T13:00:00 01:00", NOON),
        ("2026-11-23", NOON - 12 * HOUR),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    assert parse_moment("from", text) == expected


@pytest.mark.parametrize("text", ["", "now", "2026-02-30", "10000-01-01", "0001-01-01T00:00+14:00"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_moment("from", text)


def test_scopes() -> None:
    assert scope_of("admin", []) == EVERYTHING
    assert not EVERYTHING.sees_nothing
    assert scope_of("user", []).sees_nothing
    own = scope_of("user", [["shop", "42"], ["shop", "42"], ["odd"], "shop", [1, 2]])
    assert own == Scope((("shop", "42"),))
    assert not own.sees_nothing


def test_statistics_choose_their_buckets() -> None:
    day = plan_statistics(LogFilters(), "auto", NOON)
    assert (day.range.lower, day.range.upper) == (NOON - 24 * HOUR, NOON)
    assert day.interval == timedelta(minutes=15)
    assert len(bucket_starts(day)) == 96
    later = plan_statistics(LogFilters(), "auto", NOON + timedelta(minutes=4))
    assert later.range == Window(NOON - 24 * HOUR, NOON + timedelta(minutes=4))
    assert len(bucket_starts(later)) == 97
    hour = plan_statistics(LogFilters(since=NOON - HOUR, until=NOON), "auto", NOON)
    assert hour.interval == timedelta(minutes=1)
    odd = plan_statistics(
        LogFilters(since=NOON - timedelta(minutes=7), until=NOON + timedelta(seconds=1)), "5m", NOON
    )
    assert [start.minute for start in bucket_starts(odd)] == [50, 55, 0]


def test_complete_through_waits_for_what_is_not_stored() -> None:
    later = NOON + timedelta(seconds=1)
    fresh = advance(Completeness(), {0: 5, 1: 0}, {}, NOON)
    assert fresh.complete_through is None
    assert fresh.lag == 5
    part = advance(fresh, {0: 5, 1: 0}, {0: StoredOffset(3, NOON - HOUR)}, NOON)
    assert part.complete_through == NOON - HOUR
    done = advance(part, {0: 5, 1: 0}, {0: StoredOffset(5, NOON - HOUR)}, later)
    assert done.complete_through == later
    back = advance(done, {0: 9, 1: 0}, {0: StoredOffset(5, NOON - HOUR)}, later + HOUR)
    assert back.complete_through == later
    grown = advance(done, {0: 5, 1: 0, 2: 4}, {0: StoredOffset(5, NOON)}, later + HOUR)
    assert grown.complete_through == later


def around(**changes: object) -> Surroundings:
    values: dict[str, object] = {
        "now": NOON,
        "complete_through": NOON,
        "flushed_at": NOON - timedelta(seconds=2),
        "last_stored_at": NOON - timedelta(minutes=5),
        "uncounted": frozenset(),
    }
    return Surroundings(**(values | changes))  # type: ignore[arg-type]  # named as the fields are


def count(accepted: int, unknown: int, stored: int, hours_ago: int = 0) -> HourCount:
    return HourCount(
        "k",
        NOON - hours_ago * HOUR,
        received=accepted + unknown,
        accepted=accepted,
        unknown=unknown,
        stored=stored,
    )


@pytest.mark.parametrize(
    ("counted", "surroundings", "expected"),
    [
        (count(10, 0, 10), around(), "balanced"),
        (count(10, 2, 11), around(), "balanced"),
        (count(10, 0, 9), around(), "unbalanced"),
        (count(10, 0, 9), around(complete_through=None), "settling"),
        (count(10, 0, 9), around(complete_through=NOON - HOUR), "settling"),
        (count(10, 0, 11), around(), "unbalanced"),
        (count(10, 0, 11), around(last_stored_at=NOON), "settling"),
        (count(10, 0, 11, 5), around(last_stored_at=NOON), "unbalanced"),
        (count(10, 0, 11), around(uncounted=frozenset({NOON})), "uncounted"),
        (count(10, 0, 9), around(uncounted=frozenset({NOON})), "unbalanced"),
        (HourCount("k", NOON, received=3, accepted=1, stored=1), around(), "unbalanced"),
        (
            HourCount("k", NOON, received=3, accepted=1, rejected={"x": 2}, duplicate=1),
            around(),
            "balanced",
        ),
    ],
)
def test_the_ledger_is_judged(
    counted: HourCount, surroundings: Surroundings, expected: State
) -> None:
    assert judge(counted, surroundings) == expected


def test_the_worst_state_is_told() -> None:
    assert worst([]) == "balanced"
    assert worst(["balanced", "settling", "uncounted"]) == "settling"
    assert worst(["settling", "unbalanced"]) == "unbalanced"


def test_hours_of_lost_gateways_are_uncounted() -> None:
    lost = Boot("a", NOON - 9 * HOUR, NOON - 5 * HOUR, None)
    ended = Boot("b", NOON - 9 * HOUR, NOON - 7 * HOUR, NOON - 7 * HOUR)
    alive = Boot("c", NOON - 9 * HOUR, NOON - timedelta(seconds=3), None)
    assert uncounted_hours([lost, ended, alive], NOON) == {NOON - 5 * HOUR, NOON - 4 * HOUR}
    next_of_name = Boot("a", NOON - 3 * HOUR, NOON, None)
    assert uncounted_hours([lost, next_of_name], NOON) == {
        NOON - 5 * HOUR,
        NOON - 4 * HOUR,
        NOON - 3 * HOUR,
    }


def test_if_match() -> None:
    etag = etag_of(NOON)
    check_if_match(etag, NOON)
    check_if_match("*", NOON)
    check_if_match(f'"a", {etag}', NOON)
    with pytest.raises(PreconditionFailed):
        check_if_match(etag, NOON + timedelta(microseconds=1))
    for missing in (None, "", " "):
        with pytest.raises(PreconditionMissing):
            check_if_match(missing, NOON)
