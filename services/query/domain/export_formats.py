"""How exported logs are written: JSON, NDJSON, CSV and plain text, piece by piece."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Any, Literal
from uuid import UUID

import msgspec

FormatName = Literal["json", "ndjson", "csv", "txt"]

_encoder = msgspec.json.Encoder()
_FORMULA_STARTS = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")
_BLANKS = " \u00a0"
_SUSPECT_STARTS = _FORMULA_STARTS | set(_BLANKS)
_first_letter = itemgetter(slice(1))
# Where the list separator is ; or a tab, these end a cell in the middle of ours, quoted or not.
# Four patterns, for one that begins with a letter is searched for ten times as fast as with a set.
_CELL_STARTS = tuple(
    (separator, re.compile(f'{separator}[{_BLANKS}"]*+(?=[=+\\-@|%\uff1d\uff0b\uff0d\uff20])'))
    for separator in ";\t\r\n"
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
# whatever ends a line or steers a terminal or the order of letters
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_NEEDS_QUOTES = re.compile(r"[\s\"=]")
_TEXT_HEAD = ("created_at", "level", "application", "source", "module", "message")


@dataclass(frozen=True)
class Format:
    """One format: what stands before, between and after the rows."""

    media_type: str
    head: bytes
    rows: Callable[[Sequence[Any], bool], bytes]
    """Writes one or more rows; the flag says whether they are the first."""
    tail: bytes = b""


def format_named(name: FormatName, columns: Sequence[str], *, is_resumed: bool) -> Format:
    """Return a format for rows with these columns; a resumed CSV has no line of names."""
    if name == "json":
        return Format("application/json", b"[\n", _json_rows, b"\n]\n")
    if name == "ndjson":
        return Format("application/x-ndjson", b"", lambda rows, _: _encoder.encode_lines(rows))
    if name == "csv":
        names = b"" if is_resumed else (",".join(columns) + "\r\n").encode()
        return Format("text/csv; charset=utf-8", names, _csv_rows)
    return Format("text/plain; charset=utf-8", b"", _text_rows)


def _json_rows(rows: Sequence[Any], is_first: bool) -> bytes:
    made = b",\n".join([_encoder.encode(row) for row in rows])
    return made if is_first or not made else b",\n" + made


def _csv_rows(rows: Sequence[Any], _: bool) -> bytes:
    page = io.StringIO(newline="")
    csv.writer(page).writerows(zip(*map(_cells, _columns(rows).values()), strict=True))
    text = page.getvalue()
    for separator, start in _CELL_STARTS:
        if separator in text:
            text = start.sub(r"\g<0>'", text)
    return text.encode()


def _cells(column: Sequence[Any]) -> Sequence[Any]:
    """Return a column's values as cells; text that a spreadsheet would calculate is quoted."""
    match _type_of(column):
        case "str":
            if _SUSPECT_STARTS.isdisjoint(map(_first_letter, filter(None, column))):
                return column
            return [text if text is None else _safe_cell(text) for text in column]
        case "datetime" | "UUID":
            return _plain_texts(column)
        case "Raw":
            return _documents(column)
        case _:
            return column


def _safe_cell(text: str) -> str:
    if text[:1] not in _SUSPECT_STARTS:
        return text
    return f"'{text}" if text.lstrip(_BLANKS)[:1] in _FORMULA_STARTS else text


def _text_rows(rows: Sequence[Any], _: bool) -> bytes:
    """Write each event as one line, whatever characters it holds."""
    columns = _columns(rows)
    head = (
        _plain_texts(columns["created_at"]),
        [f" {level:<8} " for level in columns["level"]],
        list(map(one_line, columns["application"])),
        [f"/{one_line(source)}" for source in columns["source"]],
        ["" if module is None else f" [{one_line(module)}]" for module in columns["module"]],
        [f" {one_line(message)}" for message in columns["message"]],
    )
    rest = [_details(name, columns[name]) for name in columns if name not in _TEXT_HEAD]
    ends = ["\n"] * len(rows)
    return "".join(chain.from_iterable(zip(*head, *rest, ends, strict=True))).encode()


def _details(name: str, column: Sequence[Any]) -> list[str]:
    """Return a column's values with their name; nothing where there is none to be told."""
    match _type_of(column):
        case "str":
            known = {text: f" {name}={_quoted(text)}" for text in {*column} - {None}}
            return [known.get(text, "") for text in column]
        case "datetime" | "UUID":
            column = _plain_texts(column)
        case "Raw":
            documents = _documents(column)
            return ["" if text is None else f" {name}={_quoted(text)}" for text in documents]
    unsaid = 1 if name == "count" else None
    return ["" if value is None or value == unsaid else f" {name}={value}" for value in column]


def _quoted(text: str) -> str:
    text = one_line(text)
    if _NEEDS_QUOTES.search(text):
        return '"' + text.replace('"', '\\"') + '"'
    return text


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters."""
    # what can be printed is safe, and that is asked in a tenth of the time
    if text.isprintable() and "\\" not in text:
        return text
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _NAMED.get(character) or f"\\u{ord(character):04x}"


def _columns(rows: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return the values by column: what holds for a whole column is found out once, not a row."""
    names = rows[0].__struct_fields__
    return dict(zip(names, zip(*map(msgspec.structs.astuple, rows), strict=True), strict=True))


def _type_of(column: Sequence[Any]) -> str:
    """Return the name of the type that all values of a column have which are there."""
    first = next((value for value in column if value is not None), None)
    return type(first).__name__


def _plain_texts(column: Sequence[datetime | UUID]) -> list[str]:
    """Return moments or ids that are all there as text, sooner than `str` does."""
    return _encoder.encode(column).decode()[2:-2].split('","')


def _documents(column: Sequence[Any]) -> list[str | None]:
    return [value if value is None else bytes(value).decode() for value in column]
