"""Makes plain JSON values of anything: bounded, without cycles, never raising."""

import math
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from itertools import islice
from typing import Any

from headwater_sdk.record.database import cut_parameters
from headwater_sdk.record.exceptions import message_of

_DEPTH = 6
_ENTRIES = 100
_BUDGET = 48_000
_NODE = 4
"""What a value takes of the budget besides its text."""
_KEY_LENGTH = 256
_LARGEST_INT = 1 << 64
TEXT_LENGTH = 8_192
UNREADABLE = "[Unreadable]"
SCALARS: frozenset[type] = frozenset({str, int, float, bool, type(None)})
"""Types whose values nobody can change afterwards."""

_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class Plain:
    """Takes one event's values; `is_cut` tells whether something had to be left out."""

    def __init__(self, depth: int = _DEPTH, scale: int = 1) -> None:
        self._depth = depth
        self._budget = _BUDGET * scale
        self._entries = _ENTRIES * scale
        self._parents: list[int] = []
        self.is_cut = False

    def text(self, value: str, limit: int = TEXT_LENGTH) -> str:
        """Return a text that fits, without NUL and half an emoji, which no strict reader takes.

        The parameters of SQL statements go, wherever somebody wrote them.
        """
        return self._fitting(value, min(limit, self._budget))

    def _fitting(self, value: str, most: int) -> str:
        if len(value) > most:
            self.is_cut = True
            value = value[:most] + "…"
        value = cut_parameters(value)
        self._budget = max(0, self._budget - len(value))
        return value if value.isascii() and "\0" not in value else _NOT_TEXT.sub("�", value)

    def value(self, value: Any) -> Any:
        """Return the value as None, bool, int, float, str, list or dict of these."""
        self._budget = max(0, self._budget - _NODE)
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
            return self.text(f"{type(value).__name__}: {message_of(value)}")
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
                return self._dict(self._first(value.items(), len(value)))
            if isinstance(value, Set | list | tuple):
                return self._list(self._first(value, len(value)))
            if isinstance(value, type):
                return self.text(str(value))
            named = [(one.name, getattr(value, one.name)) for one in fields(value)]
            return self._dict(self._first(named, len(named)))
        finally:
            self._parents.pop()

    def _first(self, values: Iterable[Any], count: int) -> list[Any]:
        """Return as many as there may be, read at once: others may change what holds them."""
        if count > self._entries:
            self.is_cut = True
        return list(islice(values, self._entries))

    def _list(self, items: list[Any]) -> list[Any]:
        return [self.value(item) for item in items if self._has_room()]

    def _dict(self, items: list[tuple[Any, Any]]) -> dict[str, Any]:
        return {self._key(key): self.value(value) for key, value in items if self._has_room()}

    def _key(self, key: Any) -> str:
        try:
            return self._fitting(str(key), _KEY_LENGTH)  # a key is whole, or not there
        except Exception:  # a `__str__` of the application
            return UNREADABLE

    def _has_room(self) -> bool:
        if not self._budget:
            self.is_cut = True
        return self._budget > 0


def keep_value(value: Any) -> Any:
    """Return a value that stays as it is now, whatever the application does with its own."""
    if type(value) is str:
        return keep_text(value)
    return value if type(value) in SCALARS else Plain().value(value)


def keep_text(value: str) -> str:
    """Return as much of a text as may be sent, and one character by which it is seen to be cut."""
    return value[: TEXT_LENGTH + 1]
