"""How exported logs are written: JSON, NDJSON, CSV and plain text, piece by piece."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

FormatName = Literal["json", "ndjson", "csv", "txt"]
FORMAT_NAMES: tuple[FormatName, ...] = get_args(FormatName)

_encoder = msgspec.json.Encoder()
_FORMULA_STARTS = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")
_BLANKS = " \u00a0"
_SUSPECT_STARTS = _FORMULA_STARTS | set(_BLANKS)
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
    """Writes rows; the flag says whether they are the first."""
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
    csv.writer(page).writerows([_cell(value) for value in _values(row)] for row in rows)
    return page.getvalue().encode()


def _cell(value: Any) -> Any:
    """Return a value as a cell; text that a spreadsheet would take for a formula is quoted."""
    if isinstance(value, str):
        if value[:1] not in _SUSPECT_STARTS:
            return value
        return f"'{value}" if value.lstrip(_BLANKS)[:1] in _FORMULA_STARTS else value
    if isinstance(value, datetime):
        return _moment(value)
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else value


def _text_rows(rows: Sequence[Any], _: bool) -> bytes:
    return "".join(map(_line, rows)).encode()


def _line(row: Any) -> str:
    """Return one event as one line, whatever characters it holds."""
    module = f" [{one_line(row.module)}]" if row.module is not None else ""
    head = f"{_moment(row.created_at)} {row.level:<8} {one_line(row.application)}/"
    head += f"{one_line(row.source)}{module} {one_line(row.message)}"
    return head + "".join(_details(row)) + "\n"


def _details(row: Any) -> Iterable[str]:
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if value is None or name in _TEXT_HEAD or (name == "count" and value == 1):
            continue
        if isinstance(value, datetime):
            value = _moment(value)
        elif isinstance(value, msgspec.Raw):
            value = bytes(value).decode()
        text = one_line(str(value))
        if _NEEDS_QUOTES.search(text):
            text = '"' + text.replace('"', '\\"') + '"'
        yield f" {name}={text}"


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters."""
    return _UNSAFE.sub(_escape, text) if _UNSAFE.search(text) else text


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _NAMED.get(character) or f"\\u{ord(character):04x}"


def _values(row: Any) -> tuple[Any, ...]:
    return msgspec.structs.astuple(row)


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
