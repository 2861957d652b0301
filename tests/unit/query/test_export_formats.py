"""What exported files look like, whatever the events hold."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.domain.export_formats import FormatName, format_named, one_line
from services.query.store.kinds import LogItem

COLUMNS = LogItem.__struct_fields__
MOMENT = datetime(2026, 11, 23, 12, 0, 0, 120, tzinfo=UTC)


def item(**changes: Any) -> LogItem:
    values: dict[str, Any] = {
        **dict.fromkeys(COLUMNS),
        "created_at": MOMENT,
        "id": UUID(int=7),
        "received_at": MOMENT,
        "application": "shop",
        "source": "backend",
        "level": "ERROR",
        "message": "broken",
        "count": 1,
    }
    return LogItem(**(values | changes))


def file_of(name: FormatName, *pages: list[LogItem], is_resumed: bool = False) -> str:
    made = format_named(name, COLUMNS, is_resumed=is_resumed)
    pieces = [made.rows(page, number == 0) for number, page in enumerate(pages)]
    return b"".join([made.head, *pieces, made.tail]).decode()


def document(value: Any) -> msgspec.Raw:
    """Return JSON as the database gives it back."""
    return msgspec.Raw(json.dumps(value, ensure_ascii=False).encode())


def cells(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


ONE = item(extra_data=msgspec.Raw(b'{"cart": 3}'), duration_ms=-1.5)
HOSTILE = st.text(
    alphabet="a\u00e4=+-@|%; \u00a0\t\r\n\0\x1b\x7f\x85\u2028\u202e\ufeff\\\"',\U0001f600",
    max_size=5,
)
VISIBLE_SIGNS = set("=+-@|%\uff1d\uff0b\uff0d\uff20")
FORMULA_SIGNS = VISIBLE_SIGNS | set("\t\r\n")
MESSAGES = ["a", "b", "c"]
THREE = [item(message=message) for message in MESSAGES]


def test_json_is_one_array_over_all_pages() -> None:
    assert [row["message"] for row in json.loads(file_of("json", THREE[:2], THREE[2:]))] == MESSAGES
    assert json.loads(file_of("json", [ONE]))[0]["extra_data"] == {"cart": 3}
    assert json.loads(file_of("json")) == []


def test_ndjson_is_a_document_a_line() -> None:
    lines = file_of("ndjson", THREE[:2], THREE[2:]).splitlines()
    assert [json.loads(line)["message"] for line in lines] == MESSAGES


def test_csv_has_all_columns() -> None:
    (row,) = cells(file_of("csv", [ONE]))
    assert list(row) == list(COLUMNS)
    assert row["created_at"] == "2026-11-23T12:00:00.000120Z"
    assert row["extra_data"] == '{"cart": 3}'
    assert row["duration_ms"] == "-1.5"
    assert row["trace_id"] == ""
    assert not file_of("csv", [ONE], is_resumed=True).startswith("created_at")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, "'" + text) for text in ("=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1", "|cmd")),
        ("%0a", "'%0a"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("x;=1+1", "x;'=1+1"),
        ('x; "=1', "x; \"'=1"),
        ("y\t=1+2;@a", "y\t'=1+2;'@a"),
        ("y\r\n-1\u00a0\n\u00a0＝1", "y\r\n'-1\u00a0\n\u00a0'＝1"),
        ("a, =1 b=2; c=3\nd-1", "a, =1 b=2; c=3\nd-1"),
    ],
)
def test_csv_is_safe_to_open_in_a_spreadsheet(text: str, expected: str) -> None:
    (row,) = cells(file_of("csv", [item(message=text, user_id=text)]))
    assert row["message"] == row["user_id"] == expected


@given(st.lists(st.text(max_size=30) | HOSTILE, min_size=1, max_size=5))
def test_csv_gives_back_what_was_written(messages: list[str]) -> None:
    rows = cells(file_of("csv", [item(message=message) for message in messages]))
    for row, message in zip(rows, messages, strict=True):
        # nothing is added but quotes, and they only where there is something to calculate
        assert row["message"].replace("'", "") == message.replace("'", "")
        if FORMULA_SIGNS.isdisjoint(message):
            assert row["message"] == message


@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE), min_size=1, max_size=3))
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_the_list_separator(
    separator: str, texts: list[tuple[str, str, str]]
) -> None:
    rows = [
        item(message=message, module=module, extra_data=document({module: inner}))
        for message, module, inner in texts
    ]
    file = io.StringIO(file_of("csv", rows), newline="")
    for line in csv.reader(file, delimiter=separator):
        for cell in line:
            assert cell.lstrip(" \u00a0")[:1] not in VISIBLE_SIGNS


def test_text_reads_as_a_log_file() -> None:
    line = file_of("txt", [item(module="cart", user_id="a b", extra_data=msgspec.Raw(b'{"k":1}'))])
    assert line == (
        "2026-11-23T12:00:00.000120Z ERROR    shop/backend [cart] broken "
        "id=00000000-0000-0000-0000-000000000007 received_at=2026-11-23T12:00:00.000120Z "
        'user_id="a b" extra_data="{\\"k\\":1}"\n'
    )


@given(st.text(max_size=50), st.text(max_size=20))
def test_an_event_is_one_line_of_text(message: str, module: str) -> None:
    text = file_of("txt", [item(message=message, module=module, user_id=module)])
    assert len(text.splitlines()) == 1
    assert text.endswith("\n")
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text[:-1])


def test_line_breaks_and_terminal_codes_are_written_out() -> None:
    assert one_line("a\nb\tc\\d\x1b[31m\u2028\u202e") == "a\\nb\\tc\\\\d\\u001b[31m\\u2028\\u202e"
    assert one_line("plain ä 中") == "plain ä 中"


@given(
    st.lists(
        st.builds(
            item,
            created_at=st.datetimes(timezones=st.just(UTC)),
            message=HOSTILE,
            level=HOSTILE,
            module=st.none() | HOSTILE,
            user_id=st.none() | HOSTILE,
            status_code=st.none() | st.integers(-1, 1),
            duration_ms=st.none() | st.sampled_from([0.0, -0.0, 1.0, 1e22, 1.5e-9]),
            count=st.integers(0, 2),
            extra_data=st.none() | st.just(msgspec.Raw(b'{"a = \\n": "b"}')),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([name for name in get_args(FormatName) if name != "json"]),
)
def test_a_row_is_written_the_same_whatever_stands_beside_it(
    rows: list[LogItem], name: FormatName
) -> None:
    assert file_of(name, rows, is_resumed=True) == file_of(
        name, *([row] for row in rows), is_resumed=True
    )


@given(st.datetimes(timezones=st.just(UTC)))
def test_moments_end_with_z(moment: datetime) -> None:
    (row,) = cells(file_of("csv", [item(created_at=moment)]))
    assert row["created_at"] == moment.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("name", get_args(FormatName))
def test_nothing_is_an_empty_file(name: FormatName) -> None:
    text = file_of(name)
    assert text in ("", "[\n\n]\n", ",".join(COLUMNS) + "\r\n")
