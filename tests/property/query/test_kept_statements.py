"""Statements that are kept from search to search: what others asked before changes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.query.domain.conditions import AllOf, Compared, Condition, Contains, Not, OneOf
from services.query.domain.pages import Direction, Place
from services.query.domain.scope import EVERYTHING, Scope
from services.query.domain.windows import Window
from services.query.store import keyset
from services.query.store.keyset import KeysetStatements, Reading
from services.query.store.kinds import LOGS, SAMPLE_EVENTS, Kind

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
texts = st.sampled_from(["a", "b", "ERROR"])
parts = st.one_of(
    st.builds(
        OneOf,
        st.sampled_from(["level", "trace_id", "user_id", "module", "statement"]),
        st.lists(texts, min_size=1, max_size=2, unique=True).map(tuple),
    ),
    st.builds(OneOf, st.just("status_code"), st.sampled_from([(200,), (500,)])),
    st.builds(Compared, st.just("duration_ms"), st.just(">="), st.sampled_from([1.0, 2.0])),
    st.builds(Contains, texts),
    st.builds(OneOf, st.just("level"), texts.map(lambda text: (text,))).map(Not),
)
conditions = st.lists(parts, max_size=3).map(lambda some: AllOf(tuple(some)))
scopes = st.sampled_from(
    [EVERYTHING, Scope((("shop", "1"),)), Scope((("shop", "2"),)), Scope((("a", "1"), ("b", "2")))]
)
windows = st.builds(
    lambda first, is_sealed, is_block: Window(
        EPOCH + first * DAY,
        EPOCH + (first + 1) * DAY,
        is_sealed,
        block=(EPOCH, EPOCH + 9 * DAY) if is_block else None,
    ),
    st.integers(0, 8),
    st.booleans(),
    st.booleans(),
)
places = st.none() | st.integers(1, 3).map(lambda n: Place(EPOCH + n * DAY, UUID(int=n)))
# few conditions, for asks that differ in one thing only
asks = st.lists(conditions, min_size=1, max_size=2).flatmap(
    lambda few: st.lists(
        st.tuples(
            st.sampled_from([LOGS, SAMPLE_EVENTS]),
            st.sampled_from(few),
            scopes,
            st.sampled_from(["older", "newer"]),
            windows,
            places,
            st.integers(1, 5),
        ),
        min_size=4,
        max_size=6,
    )
)


def readings(
    kind: Kind,
    condition: Condition,
    scope: Scope,
    direction: Direction,
    window: Window,
    place: Place | None,
    limit: int,
) -> list[Reading]:
    """Return all that may be sent for one search."""
    made = KeysetStatements(kind, condition, scope, direction)
    return [
        made.reading(window, place, limit, is_fenced=True),
        made.reading(window, place, limit, is_fenced=False),
        made.counting(window, place),
        made.probing(window, place, limit, 1_000),
    ]


@settings(deadline=None, max_examples=40)
@given(asks)
def test_a_search_is_the_same_whatever_was_asked_before(some: list[tuple[Any, ...]]) -> None:
    keyset._kept_forms.cache_clear()
    among_others = [readings(*ask) for ask in some]
    for ask, made in zip(some, among_others, strict=True):
        keyset._kept_forms.cache_clear()
        assert made == readings(*ask)


def test_values_are_given_to_what_was_compiled_for_others() -> None:
    window, by_trace = Window(EPOCH, EPOCH + DAY), []
    for trace_id in ("first", "second"):
        condition = AllOf((OneOf("trace_id", (trace_id,)), OneOf("level", ("ERROR",))))
        made = KeysetStatements(LOGS, condition, EVERYTHING, "older")
        by_trace.append(made.reading(window, None, 7, is_fenced=False))
    first, second = by_trace
    assert first.text is second.text
    assert [value for value in first.values if value not in second.values] == ["first"]
    assert [value for value in second.values if value not in first.values] == ["second"]
