"""What `extra.path=value` means: which JSON documents `extra_data` must contain one of."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

MAX_DEPTH = 16
# longer numbers than these are compared as text only: PostgreSQL refuses the largest
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,37})(\.\d{1,30})?([eE][+-]?\d{1,2})?", re.ASCII)
_LITERALS = ("true", "false", "null")
Scalar = tuple[bool, Any]
"""A value that is no list and no object, told apart from those that Python takes for equal."""
# exact, as PostgreSQL's numbers are
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def is_path(path: str) -> bool:
    """Say whether a text is a dotted path of keys."""
    keys = path.split(".")
    return all(keys) and len(keys) <= MAX_DEPTH


def extra_documents(path: str, text: str) -> list[str]:
    """Return the JSON documents one of which `extra_data` contains where path = text.

    A query has no types: `5` finds the number and the string, `true` the truth value and the
    string. A dotted path finds nested keys and the one key that is spelled with dots.
    """
    forms = [json.dumps(text, ensure_ascii=False)]
    if text in _LITERALS or _NUMBER.fullmatch(text):
        forms.append(text)
    return [_nest(keys, form) for keys in spellings(path) for form in forms]


def spellings(path: str) -> list[list[str]]:
    """Return the keys that a dotted path may mean, from the outermost on."""
    keys = path.split(".")
    return [keys, [path]] if len(keys) > 1 else [keys]


def read_extra(text: str | None) -> Any:
    """Return `extra_data` with exact numbers; None where there is none."""
    return None if text is None else _decoder.decode(text)


def value_at(extra: Any, keys: Sequence[str]) -> Any:
    """Return what stands there; `...` where nothing does. Lists have no keys."""
    for key in keys:
        extra = extra.get(key, ...) if isinstance(extra, dict) else ...
    return extra


def values_at(extra: Any, path: str) -> list[Scalar]:
    """Return the values that a path finds, each as something to look up: see `forms_of`."""
    found = (value_at(extra, keys) for keys in spellings(path))
    return [_scalar(value) for value in found if not isinstance(value, dict | list)]


def forms_of(text: str) -> list[Scalar]:
    """Return what `values_at` has one of, where `extra_data` contains a document of a text."""
    forms = [_scalar(text)]
    if text in _LITERALS or _NUMBER.fullmatch(text):
        forms.append(_scalar(_decoder.decode(text)))
    return forms


def _scalar(value: Any) -> Scalar:
    # in Python true equals 1, in JSON it does not
    return isinstance(value, bool), value


def _nest(keys: Sequence[str], form: str) -> str:
    for key in reversed(keys):
        form = f"{{{json.dumps(key, ensure_ascii=False)}:{form}}}"
    return form
