"""Laws of `q=`: any text is a query or an error that says where, in linear time."""

import time

from hypothesis import given
from hypothesis import strategies as st

from services.query.domain.conditions import AllOf, AnyOf, Condition, Contains, Holds, Not, OneOf
from services.query.domain.errors import InvalidQuery
from services.query.domain.query_language import parse_query

PIECES = st.sampled_from(
    ["a", "(", ")", '"', "-", " ", "OR ", "AND ", "NOT ", "level:", "error", "extra.", "x:", ":",
     "*", ">", "..", "5xx", "\\", "é", "\u2028", "status:", "duration:", "1", "s"]
)  # fmt: skip


def error_of(text: str) -> InvalidQuery | None:
    try:
        parse_query(text)
    except InvalidQuery as error:
        return error
    return None


@given(st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=300))
def test_any_text_is_a_query_or_an_error_with_its_place(text: str) -> None:
    error = error_of(text)
    if error is not None:
        assert 0 <= error.extra["position"] <= len(text)
        assert error.extra["problem"]


WORDS = st.text(alphabet="abcäß%_\\\"' (),:", min_size=1, max_size=8).filter(str.strip)
PATHS = st.lists(st.text(alphabet="abä_\\\"' ():", min_size=1, max_size=4), min_size=1, max_size=3)
CONDITIONS = st.recursive(
    st.builds(Contains, WORDS)
    | st.builds(Holds, PATHS.map(".".join), st.tuples(WORDS))
    | st.builds(OneOf, st.sampled_from(["module", "source"]), st.tuples(WORDS)),
    lambda parts: (
        st.builds(Not, parts)
        | st.lists(parts, min_size=2, max_size=3).map(lambda some: AllOf(tuple(some)))
        | st.lists(parts, min_size=2, max_size=3).map(lambda some: AnyOf(tuple(some)))
    ),
    max_leaves=12,
)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(condition: Condition) -> str:
    match condition:
        case Contains(piece):
            return quoted(piece)
        case OneOf(column, (value,)):
            return f"{column}:{quoted(str(value))}"
        case Holds(path, (value,)):
            return f"extra.{quoted(path)}:{quoted(value)}"
        case Not(part):
            return f"NOT ({written(part)})"
        case AllOf(parts):
            return "(" + " ".join(map(written, parts)) + ")"
        case AnyOf(parts):
            return "(" + " OR ".join(map(written, parts)) + ")"
        case _:
            raise AssertionError(condition)


@given(CONDITIONS)
def test_a_condition_written_down_is_read_back(condition: Condition) -> None:
    assert parse_query(written(condition)) == condition


def test_hostile_texts_take_no_longer_than_their_length() -> None:
    hostile = [
        "(" * 2000,
        '"' * 1999,
        "a:" * 1000,
        "-(" * 1000,
        'extra."' * 280,
        "extra." + "a." * 990 + ":x",
    ]
    began = time.process_time()
    for text in hostile:
        assert error_of(text) is not None
    assert time.process_time() - began < 0.5
