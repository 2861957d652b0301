"""Filters as SQL conditions on `app_logs`: values are always parameters, columns never input."""

import json
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, false, func, not_, or_
from sqlalchemy.dialects.postgresql import JSONB

from libs.common.db.tables import AppLog
from libs.common.text import like_pattern
from services.query.domain.log_filters import LogFilters, Values
from services.query.domain.scope import Scope

_COLUMNS = AppLog.__table__.c
# longer numbers than these are compared as text only: PostgreSQL refuses the largest
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,37})(\.\d{1,30})?([eE][+-]?\d{1,2})?", re.ASCII)
_LITERALS = ("true", "false", "null")

Condition = ColumnElement[bool]


def row_conditions(filters: LogFilters, scope: Scope) -> list[Condition]:
    """Return what a row must satisfy, but for the bounds of time."""
    made = scope_conditions(scope)
    for name, values in filters.included:
        made.append(_is_one_of(_COLUMNS[name], values))
    for name, values in filters.excluded:
        column = _COLUMNS[name]
        made.append(or_(column.is_(None), not_(_is_one_of(column, values))))
    for name, bound in filters.ranges:
        column = _COLUMNS[name.rsplit("_", 1)[0]]
        made.append(column >= bound if name.endswith("_min") else column <= bound)
    for path, texts in filters.extra_included:
        made.append(_holds_one_of(path, texts))
    for path, texts in filters.extra_excluded:
        made.append(not_(func.coalesce(_holds_one_of(path, texts), false())))
    made.extend(_COLUMNS.message.ilike(like_pattern(piece)) for piece in filters.pieces)
    return made


def scope_conditions(scope: Scope) -> list[Condition]:
    """Return the condition that keeps a caller within the own rows; none for all rows."""
    if scope.subjects is None:
        return []
    pairs = [
        and_(_COLUMNS.application == application, _COLUMNS.user_id == user_id)
        for application, user_id in scope.subjects
    ]
    return [or_(false(), *pairs)]


def extra_documents(path: str, text: str) -> list[str]:
    """Return the JSON documents one of which `extra_data` contains where path = text.

    A query string has no types: `5` finds the number and the string, `true` the truth value and
    the string. A dotted path finds nested keys and the one key that is spelled with dots.
    """
    forms = [json.dumps(text, ensure_ascii=False)]
    if text in _LITERALS or _NUMBER.fullmatch(text):
        forms.append(text)
    keys = path.split(".")
    nested = [_nest(keys, form) for form in forms]
    if len(keys) > 1:
        nested += [_nest([path], form) for form in forms]
    return nested


def _nest(keys: Sequence[str], form: str) -> str:
    for key in reversed(keys):
        form = f"{{{json.dumps(key, ensure_ascii=False)}:{form}}}"
    return form


def _holds_one_of(path: str, texts: Sequence[str]) -> Condition:
    documents = [document for text in texts for document in extra_documents(path, text)]
    return or_(
        *(_COLUMNS.extra_data.contains(cast(cast(document, Text), JSONB)) for document in documents)
    )


def _is_one_of(column: ColumnElement[Any], values: Values) -> Condition:
    return column == values[0] if len(values) == 1 else column.in_(values)
