"""Laws of paging: windows cover the range once, and cursors visit every row once, both ways."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.api.cursors import CursorBook
from services.query.domain.pages import PageAsk, PageEdges, Place
from services.query.domain.scope import EVERYTHING
from services.query.domain.windows import BLOCK_SLICES, MOST_SLICES, Window, Windows
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
    st.lists(places, unique=True, min_size=1, max_size=40),
    st.integers(1, 7),
    st.integers(0, 40),
    st.randoms(use_true_random=False),
)
def test_rows_that_arrive_meanwhile_neither_hide_nor_repeat_any(
    rows: list[Place], limit: int, known_count: int, chance: Random
) -> None:
    known, coming = rows[:known_count], rows[known_count:]
    there = list(known)

    def turn(ask: PageAsk) -> tuple[list[Place], dict[str, str | None]]:
        page, edges = read(there, ask)
        for _ in range(chance.randrange(len(coming) + 1)):
            there.append(coming.pop())
        return page, BOOK.cursors(ask, edges)

    last, cursors = turn(BOOK.ask(limit, None))
    forth = list(last)
    while (cursor := cursors["next_cursor"]) is not None:
        last, cursors = turn(BOOK.ask(limit, cursor))
        forth += last
    back = list(last)
    while (cursor := cursors["prev_cursor"]) is not None:
        page, cursors = turn(BOOK.ask(limit, cursor))
        back = page + back
    expected = sorted(known, key=key, reverse=True)
    for seen in (forth, back):
        assert seen == sorted(set(seen), key=key, reverse=True)
        assert [row for row in seen if row in known] == expected


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


slices = st.lists(st.integers(1, 5), max_size=150).map(
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
    hot_count = data.draw(st.integers(0, 3))
    known = [part for part, kept in zip(all_slices, keep, strict=True) if kept]
    known = [replace(part, is_sealed=at < len(known) - hot_count) for at, part in enumerate(known)]
    windows = Windows(known, Window(lower, upper), now, newest_first=newest_first)
    windows.is_rare = data.draw(st.booleans())
    made = list(windows)
    ordered = list(reversed(made)) if newest_first else made
    for earlier, later in pairwise(ordered):
        assert earlier.upper <= later.lower
    for window in made:
        assert lower <= window.lower < window.upper <= upper
        touched = [
            part for part in known if part.lower < window.upper and part.upper > window.lower
        ]
        assert 1 <= len(touched) <= (MOST_SLICES if window.block is None else BLOCK_SLICES)
        assert {part.is_sealed for part in touched} == {window.is_sealed}
        if window.block is not None:
            lowest, highest = window.block
            assert lowest <= window.lower < window.upper <= highest
            inside = [part for part in known if lowest <= part.lower and part.upper <= highest]
            assert len(inside) <= BLOCK_SLICES
            assert all(part.is_sealed for part in inside)
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


def merged(parts: list[Window], chance: Random) -> list[Window]:
    """Return slices some of which took their neighbours' place in the meantime."""
    made: list[Window] = []
    for part in parts:
        touches = bool(made) and made[-1].upper == part.lower
        if touches and made[-1].is_sealed and part.is_sealed and chance.random() < 0.4:
            made[-1] = replace(made[-1], upper=part.upper)
        else:
            made.append(part)
    return made


@given(slices, hours, hours, st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_windows_of_the_nearest_slices_go_on_with_all_as_they_are_then(
    all_slices: list[Window],
    lower: datetime,
    upper: datetime,
    newest_first: bool,
    is_rare: bool,
    chance: Random,
) -> None:
    all_slices = [replace(part, is_sealed=chance.random() < 0.9) for part in all_slices]
    known = [part for part in all_slices if chance.random() < 0.9]
    touched = [part for part in known if part.lower < upper and part.upper > lower < upper]
    nearest = touched[-MOST_SLICES:] if newest_first else touched[:MOST_SLICES]
    windows = Windows(nearest, Window(lower, upper), EPOCH, newest_first=newest_first)
    windows.is_partial = len(nearest) == MOST_SLICES
    windows.least_sealed = chance.choice((1, 4))
    made: list[Window] = []
    later = merged(known, chance)
    while True:
        if windows.is_short:
            windows.know(later)
            assert not windows.is_short
        window = next(windows, None)
        if window is None:
            break
        made.append(window)
        windows.is_rare = is_rare
    for earlier, following in pairwise(reversed(made) if newest_first else made):
        assert earlier.upper <= following.lower
    for window in made:
        assert lower <= window.lower < window.upper <= upper
        assert sum(p.lower < window.upper and p.upper > window.lower for p in later) <= (
            MOST_SLICES if window.block is None else BLOCK_SLICES
        )
    for part in touched:
        covered = sum(
            (
                max(timedelta(0), min(part.upper, window.upper) - max(part.lower, window.lower))
                for window in made
            ),
            timedelta(0),
        )
        assert covered == min(part.upper, upper) - max(part.lower, lower)


@given(hours, hours, st.booleans())
def test_blocks_are_the_same_in_every_search(
    lower: datetime, upper: datetime, newest_first: bool
) -> None:
    known = [
        Window(EPOCH + timedelta(hours=n), EPOCH + timedelta(hours=n + 1), is_sealed=True)
        for n in range(3 * BLOCK_SLICES)
    ]

    def blocks(bounds: Window) -> set[tuple[datetime, datetime]]:
        windows = Windows(known, bounds, EPOCH, newest_first=newest_first)
        windows.is_rare = True
        return {window.block for window in windows if window.block is not None}

    whole = blocks(Window(known[0].lower, known[-1].upper))
    assert len(whole) == 3
    assert blocks(Window(lower, upper)) <= whole


def test_blocks_follow_once_few_rows_were_found() -> None:
    known = [
        Window(EPOCH + timedelta(hours=n), EPOCH + timedelta(hours=n + 1), is_sealed=True)
        for n in range(BLOCK_SLICES)
    ]
    for found_count, is_rare in ((0, True), (7, True), (8, False), (100, False)):
        windows = Windows(known, Window(EPOCH, known[-1].upper), known[-1].upper, newest_first=True)
        next(windows)
        windows.expect(found_count)
        assert (next(windows).block is not None) == is_rare
