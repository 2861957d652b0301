"""Conditions as SQL on the events' tables: values are always parameters, columns never input."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Text,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from libs.common.text import like_pattern
from services.query.domain.conditions import (
    SIDES,
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
    Value,
    conjuncts,
    within,
)
from services.query.domain.extra_values import extra_documents, spellings
from services.query.domain.scope import Scope

SHORTEST_INDEXED = 3
"""Letters and digits in a row without which a trigram index does not help."""

Sql = ColumnElement[bool]


def row_conditions(table: FromClause, condition: Condition, scope: Scope) -> list[Sql]:
    """Return what a row must satisfy, but for the bounds of time."""
    return [_sql(table, part) for part in conjuncts(AllOf((within(scope), condition)))]


def equal_values(table: FromClause, condition: Condition, scope: Scope) -> dict[str, Value] | None:
    """Return what some columns have to equal, by column; None where more is asked of a row."""
    if scope.subjects is not None:
        return None
    made: dict[str, Value] = {}
    for part in conjuncts(condition):
        if not isinstance(part, OneOf) or len(part.values) != 1 or part.column in made:
            return None
        if part.column not in table.c:
            return None
        made[part.column] = part.values[0]
    return made


def equal_names(equal: Mapping[str, Value]) -> dict[str, Value]:
    """Return these values by the names that `equalities` has for them."""
    return {f"is_{column}": value for column, value in equal.items()}


def equalities(table: FromClause, columns: Iterable[str]) -> list[Sql]:
    """Return what a row must satisfy whose columns have to equal values that are given later."""
    return [
        table.c[column] == bindparam(name, None, table.c[column].type)
        for column in columns
        for name in equal_names({column: ""})
    ]


def has_indexed_contents(condition: Condition) -> bool:
    """Say whether sealed slices find the rows by an index on the message or on `extra_data`."""
    return any(_is_indexed(part) for part in conjuncts(condition))


def names_one(condition: Condition, *columns: str) -> bool:
    """Say whether only rows count that have one value, or one of a few, in one of some columns."""
    return any(isinstance(part, OneOf) and part.column in columns for part in conjuncts(condition))


def _is_indexed(condition: Condition) -> bool:
    match condition:
        case Contains(piece):
            return _longest_word(piece) >= SHORTEST_INDEXED
        case Holds():
            return True
        case AnyOf(parts):
            return all(has_indexed_contents(part) for part in parts)
        case _:
            return False


def _longest_word(piece: str) -> int:
    spaced = "".join(character if character.isalnum() else " " for character in piece)
    return max(map(len, spaced.split()), default=0)


def _sql(table: FromClause, condition: Condition) -> Sql:
    match condition:
        case AllOf(parts):
            return and_(true(), *(_sql(table, part) for part in parts))
        case AnyOf(parts):
            return or_(false(), *(_sql(table, part) for part in parts))
        case Not(OneOf(column, values)) if column in table.c:
            return or_(table.c[column].is_(None), not_(_is_one_of(table.c[column], values)))
        case Not(part):
            return not_(func.coalesce(_sql(table, part), false()))
        case Holds(path, texts):
            return or_(*(made for text in texts for made in _holds(table, path, text)))
        case HasKey(path):
            return or_(*(_has_key(table, keys) for keys in spellings(path)))
        case Contains(piece):
            return _column_of(table, "message", lambda it: it.ilike(like_pattern(piece)))
        case _:
            return _compared(table, condition)


def _compared(table: FromClause, condition: Condition) -> Sql:
    match condition:
        case OneOf(column, values):
            return _column_of(table, column, lambda it: _is_one_of(it, values))
        case Present(column):
            return _column_of(table, column, lambda it: it.is_not(None))
        case Compared(column, side, bound):
            return _column_of(table, column, lambda it: SIDES[side](it, bound))
        case _:
            raise TypeError(f"not a condition of one column: {condition!r}")


def _column_of(table: FromClause, name: str, compare: Callable[[ColumnElement[Any]], Sql]) -> Sql:
    """Compare a column; one that this kind of event lacks has no value in any row."""
    return compare(table.c[name]) if name in table.c else false()


def _is_one_of(column: ColumnElement[Any], values: tuple[Value, ...]) -> Sql:
    return column == values[0] if len(values) == 1 else column.in_(values)


def _holds(table: FromClause, path: str, text: str) -> list[Sql]:
    return [
        table.c.extra_data.contains(cast(cast(document, Text), JSONB))
        for document in extra_documents(path, text)
    ]


def _has_key(table: FromClause, keys: list[str]) -> Sql:
    # strict: a list on the way has no keys, as in the live tail
    path = "strict $" + "".join(f".{json.dumps(key, ensure_ascii=False)}" for key in keys)
    return table.c.extra_data.op("@?", is_comparison=True)(cast(literal(path, Text), JSONPATH))
