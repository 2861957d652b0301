"""Laws of paging: windows cover the range once, and cursors visit every row once, both ways."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.api.cursors import CursorBook
from services.query.domain.pages import PageAsk, PageEdges, Place
from services.query.domain.scope import EVERYTHING
from services.query.domain.windows import MOST_SLICES, Window, Windows
from services.query.store.accounts import Identity

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
BOOK = CursorBook("rows", Identity(uuid4(), "a@b", "admin", EVERYTHING), {"level": ["ERROR"]})

places = st.builds(
    Place,
    st.integers(0, 5).map(lambda n: EPOCH + timedelta(microseconds=n)),
    st.integers(1, 8).map(lambda n: UUID(int=n)),
)


def key(place: Place) -> tuple[datetime, UUID]:
    """Compare as the index does."""
    return place.created_at, place.id


def read(rows: list[Place], ask: PageAsk) -> tuple[list[Place], PageEdges]:
    """The database's part: rows beyond the place, newest first."""
    is_older = ask.direction == "older"
    beyond = [
        row
        for row in rows
        if ask.place is None
        or (key(row) < key(ask.place) if is_older else key(row) > key(ask.place))
    ]
    found = sorted(beyond, key=key, reverse=is_older)
    page = found[: ask.limit]
    if not is_older:
        page.reverse()
    return page, PageEdges(
        page[0] if page else None, page[-1] if page else None, len(found) > ask.limit
    )


@given(st.lists(places, unique=True, max_size=40), st.integers(1, 7))
def test_turning_pages_visits_every_row_once_both_ways(rows: list[Place], limit: int) -> None:
    newest_first = sorted(rows, key=lambda place: (place.created_at, place.id), reverse=True)
    forth: list[list[Place]] = []
    ask = BOOK.ask(limit, None)
    while True:
        page, edges = read(rows, ask)
        forth.append(page)
        cursors = BOOK.cursors(ask, edges)
        if cursors["next_cursor"] is None:
            break
        ask = BOOK.ask(limit, cursors["next_cursor"])
    assert [row for page in forth for row in page] == newest_first
    back: list[list[Place]] = []
    while (cursor := cursors["prev_cursor"]) is not None:
        ask = BOOK.ask(limit, cursor)
        page, edges = read(rows, ask)
        back.append(page)
        cursors = BOOK.cursors(ask, edges)
    assert [row for page in reversed(back) for row in page] == newest_first[
        : limit * (len(forth) - 1)
    ]


@given(
    st.lists(places, unique=True, min_size=1, max_size=20),
    st.integers(0, 6),
    st.sampled_from(["older", "newer"]),
)
def test_a_search_that_ran_out_of_time_goes_on_where_it_stopped(
    rows: list[Place], boundary: int, direction: str
) -> None:
    moment = EPOCH + timedelta(microseconds=boundary)
    is_older = direction == "older"
    start = None if is_older else Place(EPOCH - timedelta(days=1), UUID(int=0))
    ask = PageAsk(100, start, "older" if is_older else "newer")
    seen = [row for row in rows if (row.created_at >= moment) == is_older]
    edges = PageEdges(None, None, has_more=False, searched_to=moment)
    cursor = BOOK.cursors(ask, edges)["next_cursor" if is_older else "prev_cursor"]
    rest, _ = read(rows, BOOK.ask(100, cursor))
    assert sorted(map(str, seen + rest)) == sorted(map(str, rows))


slices = st.lists(st.integers(1, 5), max_size=60).map(
    lambda widths: [
        Window(
            EPOCH + timedelta(hours=sum(widths[:i])), EPOCH + timedelta(hours=sum(widths[: i + 1]))
        )
        for i in range(len(widths))
    ]
)
hours = st.integers(-10, 200).map(lambda n: EPOCH + timedelta(hours=n))


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("backwards", [timedelta(0), timedelta(hours=1)])
def test_an_empty_range_inside_a_slice_has_no_windows(
    newest_first: bool, backwards: timedelta
) -> None:
    slices = [Window(EPOCH, EPOCH + timedelta(hours=9))]
    moment = EPOCH + timedelta(hours=5)
    bounds = Window(moment, moment - backwards)
    assert list(Windows(slices, bounds, EPOCH, newest_first=newest_first)) == []


@given(slices, hours, hours, hours, st.booleans(), st.data())
def test_windows_cover_the_slices_of_a_range_once_and_in_order(
    all_slices: list[Window],
    lower: datetime,
    upper: datetime,
    now: datetime,
    newest_first: bool,
    data: st.DataObject,
) -> None:
    keep = data.draw(st.lists(st.booleans(), min_size=len(all_slices), max_size=len(all_slices)))
    known = [part for part, kept in zip(all_slices, keep, strict=True) if kept]
    made = list(Windows(known, Window(lower, upper), now, newest_first=newest_first))
    ordered = list(reversed(made)) if newest_first else made
    for earlier, later in pairwise(ordered):
        assert earlier.upper <= later.lower
    for window in made:
        assert lower <= window.lower < window.upper <= upper
        touched = [
            part for part in known if part.lower < window.upper and part.upper > window.lower
        ]
        assert 1 <= len(touched) <= MOST_SLICES
    for part in known:
        wanted = max(timedelta(0), min(part.upper, upper) - max(part.lower, lower))
        covered = sum(
            (
                max(timedelta(0), min(part.upper, window.upper) - max(part.lower, window.lower))
                for window in made
            ),
            timedelta(0),
        )
        assert covered == wanted
