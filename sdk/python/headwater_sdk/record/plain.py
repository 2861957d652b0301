"""Makes plain JSON values of anything: bounded, without cycles, never raising."""

import math
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from typing import Any

_DEPTH = 6
_ENTRIES = 100
_BUDGET = 48_000
_KEY_LENGTH = 256
_LARGEST_INT = 1 << 64
TEXT_LENGTH = 8_192
UNREADABLE = "[Unreadable]"
SCALARS: frozenset[type] = frozenset({str, int, float, bool, type(None)})
"""Types whose values nobody can change afterwards."""

_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class Plain:
    """Takes one event's values; `is_cut` tells whether something had to be left out."""

    def __init__(self, depth: int = _DEPTH) -> None:
        self._depth = depth
        self._budget = _BUDGET
        self._parents: list[int] = []
        self.is_cut = False

    def text(self, value: str, limit: int = TEXT_LENGTH) -> str:
        """Return a text that fits, without NUL and half an emoji, which no strict reader takes."""
        most = min(limit, self._budget)
        if len(value) > most:
            self.is_cut = True
            value = value[:most] + "…"
        self._budget = max(0, self._budget - len(value))
        return value if value.isascii() and "\0" not in value else _NOT_TEXT.sub("�", value)

    def value(self, value: Any) -> Any:
        """Return the value as None, bool, int, float, str, list or dict of these."""
        try:
            return self._value(value)
        except Exception:  # a property, an iterator, a `__str__` of the application
            return UNREADABLE

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(str.__str__(value) if not isinstance(value, Enum) else value.value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self._value(value.value)
        if isinstance(value, int):
            return int(value) if -_LARGEST_INT < value < _LARGEST_INT else self.text(str(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        if isinstance(value, date | time):
            return value.isoformat()
        if isinstance(value, BaseException):
            return self.text(f"{type(value).__name__}: {value}")
        if id(value) in self._parents:
            return "[Circular]"
        if isinstance(value, Mapping | Set | list | tuple) or is_dataclass(value):
            return self._nested(value)
        return self.text(str(value))

    def _nested(self, value: Any) -> Any:
        if len(self._parents) >= self._depth:
            self.is_cut = True
            return f"[{type(value).__name__}]"
        self._parents.append(id(value))
        try:
            if isinstance(value, Mapping):
                return self._dict(list(value.items()))
            if isinstance(value, Set | list | tuple):
                return self._list(value)
            if isinstance(value, type):
                return self.text(str(value))
            return self._dict([(one.name, getattr(value, one.name)) for one in fields(value)])
        finally:
            self._parents.pop()

    def _list(self, values: Iterable[Any]) -> list[Any]:
        items = list(values)
        return [self.value(item) for item in items[: self._most(len(items))]]

    def _dict(self, items: list[tuple[Any, Any]]) -> dict[str, Any]:
        most = self._most(len(items))
        return {self._key(key): self.value(value) for key, value in items[:most]}

    def _key(self, key: Any) -> str:
        try:
            return self.text(str(key), _KEY_LENGTH)
        except Exception:  # a `__str__` of the application
            return UNREADABLE

    def _most(self, count: int) -> int:
        most = _ENTRIES if self._budget else 0
        if count > most:
            self.is_cut = True
        return most


def keep_value(value: Any) -> Any:
    """Return a value that stays as it is now, whatever the application does with its own."""
    return value if type(value) in SCALARS else Plain().value(value)
