"""Laws of cursors: they come back as given out, and every other text is refused by name."""

import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.http.paging import (
    Cursor,
    InvalidCursor,
    decode_cursor,
    encode_cursor,
    filter_hash,
)

ALPHABET = string.ascii_letters + string.digits + "-_"
filters = st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=3))
cursors = st.builds(
    Cursor,
    version=st.just(1),
    direction=st.sampled_from(["older", "newer"]),
    created_at=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    id=st.uuids(),
    filter_hash=st.binary(min_size=8, max_size=8),
)


@given(cursors)
def test_cursor_comes_back_as_given_out(cursor: Cursor) -> None:
    assert decode_cursor(encode_cursor(cursor), cursor.filter_hash) == cursor


@given(cursors)
def test_cursor_needs_no_quoting_in_an_address(cursor: Cursor) -> None:
    assert set(encode_cursor(cursor)) <= set(ALPHABET)


@given(cursors, st.binary(min_size=8, max_size=8))
def test_cursor_of_another_filter_is_refused(cursor: Cursor, other: bytes) -> None:
    if other != cursor.filter_hash:
        with pytest.raises(InvalidCursor, match="another filter"):
            decode_cursor(encode_cursor(cursor), other)


@given(st.text(max_size=300), st.binary(max_size=8))
def test_any_text_is_refused(text: str, expected: bytes) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(text, expected)


@given(cursors, st.data())
def test_altered_cursor_is_refused_or_names_another_place(
    cursor: Cursor, data: st.DataObject
) -> None:
    text = encode_cursor(cursor)
    position = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(ALPHABET + "=+/ \n\0é"))
    altered = text[:position] + letter + text[position + 1 :]

    try:
        decoded = decode_cursor(altered, cursor.filter_hash)
    except InvalidCursor:
        return
    assert (decoded == cursor) == (altered == text)


@given(cursors, st.data())
def test_cursor_that_was_cut_off_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    text = encode_cursor(cursor)
    length = data.draw(st.integers(0, len(text) - 1))

    with pytest.raises(InvalidCursor):
        decode_cursor(text[:length], cursor.filter_hash)


@given(filters)
def test_hash_of_a_filter_does_not_depend_on_the_order_of_its_fields(
    given_filters: dict[str, list[str]],
) -> None:
    backwards = dict(reversed(given_filters.items()))

    assert filter_hash(backwards) == filter_hash(given_filters)


@given(filters, filters)
def test_different_filters_have_different_hashes(
    one: dict[str, list[str]], other: dict[str, list[str]]
) -> None:
    assert (one == other) == (filter_hash(one) == filter_hash(other))
