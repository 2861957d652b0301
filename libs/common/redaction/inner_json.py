"""Reads and writes the JSON that stands inside of texts."""

from typing import Any

import msgspec


class NotJsonError(ValueError):
    """A text that looked like JSON is none."""


def read_json(text: str) -> Any:
    """Return the value that a text holds; raises NotJsonError."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as problem:
        raise NotJsonError from problem


def write_json(value: Any) -> str:
    """Return the shortest text of a value that was read."""
    return msgspec.json.encode(value).decode()
