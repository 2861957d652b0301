"""Which events of a block satisfy a condition: the live tail's counterpart of the SQL.

Rows are numbered, and a set of rows is one integer with a bit a row. A condition is worked out once
for a block however many watchers ask for it, and equality needs one pass for all values.
"""

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from libs.common.text import fold_case
from services.query.domain.conditions import (
    AllOf,
    AnyOf,
    Compared,
    Condition,
    Contains,
    HasKey,
    Holds,
    Not,
    OneOf,
    Present,
    Side,
)
from services.query.domain.extra_values import forms_of, read_extra, spellings, value_at, values_at

_BETWEEN = "\0"
"""Stands between messages that are searched together; no column of text can hold it."""


class Block:
    """Rows of any kind, asked together; a column that a kind lacks has no value there."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows
        self._everything = (1 << len(rows)) - 1
        self._known: dict[Condition, int] = {}
        self._columns: dict[str, dict[Any, int]] = {}
        self._by_path: dict[str, dict[Any, int]] = {}
        self._sorted: dict[str, tuple[list[Any], list[int]]] = {}
        self._messages: list[str] | None = None
        self._text = ""
        self._starts: list[int] = []
        self._extras: list[Any] | None = None

    def matches(self, condition: Condition) -> int:
        """Return the rows that satisfy a condition."""
        known = self._known.get(condition)
        if known is None:
            known = self._known[condition] = self._work_out(condition)
        return known

    def _work_out(self, condition: Condition) -> int:
        match condition:
            case AllOf(parts):
                found = self._everything
                for part in parts:
                    found &= self.matches(part)
                    if not found:
                        break
            case AnyOf(parts):
                found = 0
                for part in parts:
                    found |= self.matches(part)
            case Not(part):
                found = self._everything & ~self.matches(part)
            case OneOf(column, values):
                by_value = self._column(column)
                found = 0
                for value in values:
                    found |= by_value.get(value, 0)
            case Present(column):
                found = self._everything & ~self._column(column).get(None, 0)
            case _:
                found = self._one_by_one(condition)
        return found

    def _one_by_one(self, condition: Condition) -> int:
        match condition:
            case Contains(piece):
                return self._containing(fold_case(piece))
            case Compared(column, side, bound):
                return self._beyond(column, side, bound)
            case Holds(path, texts):
                by_value = self._extra_values(path)
                found = 0
                for text in texts:
                    for form in forms_of(text):
                        found |= by_value.get(form, 0)
                return found
            case HasKey(path):
                keys = spellings(path)
                return _bits(
                    any(value_at(extra, spelled) is not ... for spelled in keys)
                    for extra in self._read_extras()
                )
            case _:
                raise TypeError(f"not a condition of one row: {condition!r}")

    def _column(self, column: str) -> dict[Any, int]:
        """Return the rows by value of a column."""
        known = self._columns.get(column)
        if known is None:
            known = self._columns[column] = {}
            for number, row in enumerate(self.rows):
                value = getattr(row, column, None)
                known[value] = known.get(value, 0) | 1 << number
        return known

    def _extra_values(self, path: str) -> dict[Any, int]:
        """Return the rows by what their `extra_data` has at a path."""
        known = self._by_path.get(path)
        if known is None:
            known = self._by_path[path] = {}
            for number, extra in enumerate(self._read_extras()):
                for value in values_at(extra, path):
                    known[value] = known.get(value, 0) | 1 << number
        return known

    def _containing(self, piece: str) -> int:
        """Return the rows with that folded piece in their message: one search for all of them."""
        if self._messages is None:
            self._messages = [fold_case(getattr(row, "message", "")) for row in self.rows]
            self._text = _BETWEEN.join(self._messages)
            ends = accumulate(len(message) + 1 for message in self._messages)
            self._starts = [0, *ends]
        if not piece or _BETWEEN in piece:
            return _bits(piece in message for message in self._messages)
        found, at = 0, self._text.find(piece)
        while at >= 0:
            number = bisect_right(self._starts, at) - 1
            found |= 1 << number
            at = self._text.find(piece, self._starts[number + 1])
        return found

    def _beyond(self, column: str, side: Side, bound: float) -> int:
        """Return the rows whose value lies on that side of a number; values are sorted once."""
        known = self._sorted.get(column)
        if known is None:
            pairs = sorted(
                (value, rows) for value, rows in self._column(column).items() if value is not None
            )
            below = [0, *accumulate((rows for _, rows in pairs), operator.or_)]
            known = self._sorted[column] = ([value for value, _ in pairs], below)
        values, below = known
        cut = (bisect_left if side in ("<", ">=") else bisect_right)(values, bound)
        return below[cut] if side in ("<", "<=") else below[-1] & ~below[cut]

    def _read_extras(self) -> list[Any]:
        if self._extras is None:
            self._extras = [read_extra(row.extra_data) for row in self.rows]
        return self._extras


def numbers(rows: int) -> Iterator[int]:
    """Return the numbers of a set's rows, in order."""
    while rows:
        lowest = rows & -rows
        yield lowest.bit_length() - 1
        rows ^= lowest


def _bits(answers: Iterator[bool]) -> int:
    found = 0
    for number, is_met in enumerate(answers):
        if is_met:
            found |= 1 << number
    return found
