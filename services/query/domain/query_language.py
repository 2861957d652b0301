"""The language of `q=`: `level:error -module:auth "exact words" duration:>500 (a OR b)`.

    query   = [ either ]
    either  = both { "OR" both }
    both    = part { [ "AND" ] part }
    part    = ( "-" | "NOT" ) part | "(" either ")" | field | word | phrase
    field   = name ":" ( value | "(" value { [ "OR" ] value } ")" )
    name    = a column | "message" | "extra." ( path | phrase )
    value   = word | phrase | ( ">" | ">=" | "<" | "<=" ) number | number ".." number | "*"

The grammar's words are explained in docs/guide/search.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from services.query.domain.conditions import (
    ALWAYS,
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
    Value,
)
from services.query.domain.errors import InvalidQuery
from services.query.domain.extra_values import is_path
from services.query.domain.fields import (
    NUMERIC_COLUMNS,
    column_named,
    levels_beyond,
    read_level,
    read_quantity,
    read_value,
)
from services.query.domain.query_scanner import Token, tokens

MAX_TERMS = 100
MAX_DEPTH = 16
_SIDES: tuple[Side, ...] = tuple(sorted(get_args(Side), key=len, reverse=True))


def parse_query(text: str) -> Condition:
    """Return what a query asks for; raises InvalidQuery with the position of what is wrong."""
    return _Parser(tokens(text)).whole()


class _Parser:
    """Reads tokens by recursive descent, to a limited depth."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0
        self._term_count = 0

    def whole(self) -> Condition:
        if self._next.kind == "end":
            return ALWAYS
        made = self._either()
        if self._next.kind == "close":
            raise InvalidQuery(self._next.position, "unopened_group", "nothing to close here")
        return made

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._next.kind == "or":
            self._take()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._part()]
        while self._next.kind not in ("or", "close", "end"):
            if self._next.kind == "and":
                self._take()
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _part(self) -> Condition:
        token = self._take()
        self._term_count += 1
        if self._term_count > MAX_TERMS:
            raise InvalidQuery(token.position, "too_many_terms", f"at most {MAX_TERMS} terms")
        if token.kind in ("minus", "not"):
            if self._next.kind == "minus":
                raise InvalidQuery(
                    token.position, "double_negation", "quote a word that begins with a minus"
                )
            self._descend(token)
            made: Condition = Not(self._part())
            self._depth -= 1
            return made
        if token.kind == "open":
            return self._group(token)
        if token.kind == "field":
            return self._field(token)
        if token.kind in ("word", "phrase"):
            return _contains(token)
        raise InvalidQuery(token.position, "missing_term", "a word, phrase or field is missing")

    def _group(self, opened: Token) -> Condition:
        if self._next.kind == "close":
            raise InvalidQuery(opened.position, "empty_group", "nothing stands between these")
        self._descend(opened)
        made = self._either()
        self._depth -= 1
        self._close(opened)
        return made

    def _close(self, opened: Token) -> None:
        if self._take().kind != "close":
            raise InvalidQuery(opened.position, "unclosed_group", "the parenthesis is not closed")

    def _descend(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidQuery(token.position, "too_deep", f"at most {MAX_DEPTH} levels")

    def _field(self, name: Token) -> Condition:
        field = _Field.named(name)
        values = self._values(name)
        alternatives = [field.condition(value) for value in values]
        same = [part for part in alternatives if isinstance(part, OneOf | Holds)]
        if len(alternatives) == 1:
            return alternatives[0]
        if len(same) == len(alternatives):
            return _merged(same)
        return AnyOf(tuple(alternatives))

    def _values(self, name: Token) -> list[Token]:
        token = self._next
        if not token.is_glued or token.kind not in ("word", "phrase", "open"):
            raise InvalidQuery(name.after, "missing_value", f"{name.text}: needs a value")
        self._take()
        if token.kind != "open":
            return [token]
        values: list[Token] = []
        while self._next.kind in ("word", "phrase", "or"):
            value = self._take()
            if value.kind == "or":
                if not values or self._next.kind not in ("word", "phrase"):
                    raise InvalidQuery(value.position, "missing_value", "OR stands between values")
                continue
            values.append(value)
            self._term_count += 1
        if self._next.kind not in ("close", "end"):
            raise InvalidQuery(
                self._next.position, "not_a_value", "only words and phrases stand in such a list"
            )
        if not values:
            raise InvalidQuery(token.position, "empty_group", "nothing stands between these")
        self._close(token)
        return values


@dataclass(frozen=True)
class _Field:
    """A field of the query: a column, or a path into `extra_data`."""

    name: str
    column: str | None
    path: str | None

    @classmethod
    def named(cls, token: Token) -> "_Field":
        prefix, _, path = token.text.partition(".")
        if prefix.lower() == "extra":
            if not is_path(path):
                raise InvalidQuery(token.position, "invalid_path", "extra. needs a dotted path")
            return cls(token.text, None, path)
        if token.text.lower() in ("message", "msg"):
            return cls(token.text, None, None)
        column = column_named(token.text)
        if column is None:
            raise InvalidQuery(
                token.position,
                "unknown_field",
                f"no field {token.text[:100]}; quote a text that holds a colon",
            )
        return cls(token.text, column, None)

    def condition(self, value: Token) -> Condition:
        """Return what one value asks for; raises InvalidQuery."""
        is_word = value.kind == "word"
        if is_word and value.text == "*":
            return self._anything()
        if self.path is not None:
            return Holds(self.path, (value.text,))
        if self.column is None:
            return _contains(value)
        try:
            if is_word and self.column in (*NUMERIC_COLUMNS, "level"):
                return _measured(self.column, value.text)
            if is_word and value.text.startswith((">", "<")):
                raise InvalidQuery(
                    value.position, "not_comparable", f"{self.name} is text: quote the value"
                )
            return OneOf(self.column, (read_value(self.column, value.text),))
        except ValueError as error:
            raise InvalidQuery(value.position, "invalid_value", f"{self.name} {error}") from error

    def _anything(self) -> Condition:
        if self.path is not None:
            return HasKey(self.path)
        return ALWAYS if self.column is None else Present(self.column)


def _measured(column: str, text: str) -> Condition:
    """Read the value of a level or number: one, a range, or all beyond a bound."""
    for side in _SIDES:
        if text.startswith(side):
            bound = text.removeprefix(side)
            if column == "level":
                return OneOf(column, levels_beyond(side, read_level(bound)))
            return Compared(column, side, read_quantity(column, bound))
    if column == "level":
        return OneOf(column, (read_level(text),))
    if column == "status_code" and text[:1].isdigit() and text[1:].lower() == "xx":
        lowest = int(text[0]) * 100
        return AllOf((Compared(column, ">=", lowest), Compared(column, "<=", lowest + 99)))
    lower, dots, upper = text.partition("..")
    if dots:
        if lower[-1:].isdigit():
            lower += upper.lstrip("0123456789.")  # 1..2s is from one second on
        least, most = read_quantity(column, lower), read_quantity(column, upper)
        if least > most:
            raise ValueError("must be a range from the lower number to the higher one")
        return AllOf((Compared(column, ">=", least), Compared(column, "<=", most)))
    return OneOf(column, (read_value(column, text),))


def _merged(parts: Sequence[OneOf | Holds]) -> Condition:
    """Join alternatives of one field into one condition, which the database answers faster."""
    first = parts[0]
    if isinstance(first, Holds):
        texts = {text for part in parts if isinstance(part, Holds) for text in part.texts}
        return Holds(first.path, tuple(sorted(texts)))
    values: set[Value] = {
        value for part in parts if isinstance(part, OneOf) for value in part.values
    }
    return OneOf(first.column, tuple(sorted(values, key=str)))


def _contains(token: Token) -> Condition:
    if not token.text.strip():
        raise InvalidQuery(token.position, "empty_phrase", "nothing stands between the quotes")
    return Contains(token.text)
