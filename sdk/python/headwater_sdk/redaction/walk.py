# Made by scripts/sdk_redaction.py from libs/common/redaction/walk.py.
"""Redacts decoded JSON: names first, then every text, then the JSON inside texts."""

import json
import re
from collections import Counter
from typing import Any

from headwater_sdk.redaction.inner_json import NotJsonError, read_json, write_json
from headwater_sdk.redaction.names import NameTest, Verdict, is_name
from headwater_sdk.redaction.rules import Rules
from headwater_sdk.redaction.texts import TextRedactor

JsonValue = (
    Any  # None, bool, int, float, str, list and dict of these: what a reader of JSON returns
)

_MAX_DEPTH = 200
_JSON_LEVELS = 2
_SMALLEST_CARD = 10**12
_TIMESTAMP_LENGTH = 35
_KEY_CACHE_COUNT = 8192
_CACHED_LENGTH = 80
_FLAG = re.compile(r"--?[\w.\-\[\]]{1,62}")


class Walk:
    """Walks a value and returns it without secrets; the same object when there are none."""

    def __init__(self, rules: Rules, names: NameTest, texts: TextRedactor) -> None:
        self._mark = rules.replacement
        self._is_card = rules.digits.is_card
        self._verdict = names.verdict
        self._texts = texts
        self._plain_keys: set[str] = set()

    def value(
        self, value: JsonValue, hits: Counter[str], depth: int = 0, levels: int = _JSON_LEVELS
    ) -> JsonValue:
        """Return the value redacted; `levels` of JSON inside texts are opened."""
        kind = value.__class__
        if kind is str:
            return self.text(value, hits, levels)
        if kind is dict or kind is list:
            if depth >= _MAX_DEPTH:
                hits["depth"] += 1
                return self._mark
            walked = self._dict if kind is dict else self._list
            return walked(value, hits, depth + 1, levels)
        if kind is int and not -_SMALLEST_CARD < value < _SMALLEST_CARD:
            return self._number(value, hits)
        return value

    def text(self, text: str, hits: Counter[str], levels: int = _JSON_LEVELS) -> str:
        """Return one text redacted."""
        if levels and text.lstrip()[:1] in {"{", "["}:
            opened = self._opened(text, hits, levels)
            if opened is not None:
                return opened
        return self._texts.redact(text, hits)

    def _opened(self, text: str, hits: Counter[str], levels: int) -> str | None:
        """Return JSON that stood inside a text redacted, or nothing if it is none."""
        try:
            inner = read_json(text)
        except NotJsonError:
            return None
        walked = self.value(inner, hits, 0, levels - 1)
        if walked is inner:
            # Clean as a reader sees it; only a field hidden by a later one may be in the text.
            hidden: Counter[str] = Counter()
            if self._texts.redact(text, hidden) == text or not _repeats_key(text):
                return text
            hits.update(hidden)
        return write_json(walked)

    def _number(self, number: int, hits: Counter[str]) -> JsonValue:
        digits = str(abs(number)) if abs(number) < 10**19 else ""
        if digits and self._is_card(digits):
            hits["card"] += 1
            return self._mark
        return number

    def _list(
        self, items: list[JsonValue], hits: Counter[str], depth: int, levels: int
    ) -> JsonValue:
        walked: list[JsonValue] = []
        verdict = Verdict.KEEP  # of what comes next, by what stands before it
        for item in items:
            if verdict is Verdict.KEEP or (len(items) != 2 and _is_flag(item)):
                new = self.value(item, hits, depth, levels)
            else:
                new = self._masked(item, verdict, hits, depth, levels)
            walked.append(new)
            verdict = self._announced(item, new, len(items))
        return items if all(map(_is_same, walked, items)) else walked

    def _announced(self, item: JsonValue, new: JsonValue, count: int) -> Verdict:
        """Say what becomes of the next in a list: `--password` announces it, and a pair's name."""
        if not isinstance(item, str) or not (_is_flag(new) or (count == 2 and is_name(new))):
            return Verdict.KEEP
        verdict = self._verdict(item)
        return self._verdict(new) if verdict is not Verdict.MASK and new is not item else verdict

    def _dict(
        self, fields: dict[str, JsonValue], hits: Counter[str], depth: int, levels: int
    ) -> JsonValue:
        changed: dict[str, JsonValue] = {}
        renamed = False
        for key, value in fields.items():
            verdict = self._verdict(key)
            if key not in self._plain_keys:
                plain = self.key(key, hits)
                if plain is not key:
                    renamed = True
                    if verdict is not Verdict.MASK:
                        verdict = self._verdict(plain)
            if verdict is Verdict.KEEP:
                new = self.value(value, hits, depth, levels)
            else:
                new = self._masked(value, verdict, hits, depth, levels)
            if new is not value:
                changed[key] = new
        secret = _named_value(fields)
        if secret is not None and self._verdict(secret) is not Verdict.KEEP:
            new = self._masked(fields["value"], self._verdict(secret), hits, depth, levels)
            if new is not fields["value"]:
                changed["value"] = new
        if renamed:
            return self._renamed(fields | changed)
        return fields | changed if changed else fields

    def _masked(
        self, value: JsonValue, verdict: Verdict, hits: Counter[str], depth: int, levels: int
    ) -> JsonValue:
        if value is None or value == "" or value == [] or value == {} or value == self._mark:
            return value
        if verdict is Verdict.MASK_TEXT and _is_scalar(value):
            return self.value(value, hits, depth, levels)
        hits["name"] += 1
        return self._mark

    def key(self, key: str, hits: Counter[str]) -> str:
        """Return a key redacted; plain ones are remembered."""
        new = self._texts.redact(key, hits)
        if new == key:
            if len(key) <= _CACHED_LENGTH:
                if len(self._plain_keys) >= _KEY_CACHE_COUNT:
                    self._plain_keys.clear()
                self._plain_keys.add(key)
            return key
        return new

    def _renamed(self, fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the fields under redacted keys; two that become equal both stay."""
        renamed: dict[str, JsonValue] = {}
        ignored: Counter[str] = Counter()
        for key, value in fields.items():
            new = key if key in self._plain_keys else self.key(key, ignored)
            name, number = new, 2
            while name in renamed:
                name, number = f"{new} ({number})", number + 1
            renamed[name] = value
        return renamed


def _is_flag(value: JsonValue) -> bool:
    return isinstance(value, str) and value[:1] == "-" and _FLAG.fullmatch(value) is not None


def _is_same(one: object, other: object) -> bool:
    return one is other


def _repeats_key(text: str) -> bool:
    repeated = False

    def see(pairs: list[tuple[str, JsonValue]]) -> None:
        nonlocal repeated
        repeated = repeated or len({key for key, _ in pairs}) < len(pairs)

    try:
        json.loads(text, object_pairs_hook=see)
    except (ValueError, RecursionError):
        return True  # cannot be told: the canonical form holds no hidden field
    return repeated


def _named_value(fields: dict[str, JsonValue]) -> str | None:
    """Return the name that a pair such as `{"name": "Authorization", "value": …}` speaks of."""
    if "value" not in fields or len(fields) > 8:
        return None
    name = fields.get("name", fields.get("key"))
    return name if isinstance(name, str) and is_name(name) else None


def _is_scalar(value: JsonValue) -> bool:
    if isinstance(value, bool | int | float):
        return True
    return (
        isinstance(value, str)
        and len(value) <= _TIMESTAMP_LENGTH
        and all(char in "0123456789-+:.TZ " for char in value)
    )
