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


def holds(extra: Any, path: str, text: str) -> bool:
    """Say whether `extra_data` contains one of the documents of `extra_documents`."""
    wanted: list[Any] = [text]
    if text in _LITERALS or _NUMBER.fullmatch(text):
        wanted.append(_decoder.decode(text))
    found = [value_at(extra, keys) for keys in spellings(path)]
    return any(_is_same(value, form) for value in found for form in wanted)


def _is_same(value: Any, form: Any) -> bool:
    # in Python true equals 1, in JSON it does not
    return isinstance(value, bool) == isinstance(form, bool) and bool(value == form)


def _nest(keys: Sequence[str], form: str) -> str:
    for key in reversed(keys):
        form = f"{{{json.dumps(key, ensure_ascii=False)}:{form}}}"
    return form
