# Made by scripts/sdk_redaction.py from libs/common/redaction/texts.py.
"""Redacts one text: one pass of RE2 finds where a rule may begin, then that rule is asked."""

import re
from collections import Counter

from headwater_sdk.redaction.assignments import AssignmentRule
from headwater_sdk.redaction.checks import Check
from headwater_sdk.redaction.compiled import compile_bytes, compile_search
from headwater_sdk.redaction.fold import Fold
from headwater_sdk.redaction.names import NameTest
from headwater_sdk.redaction.rules import Rules

_LETTERED = {"eyj": "jwt", "bea": "bearer", "bas": "basic"}
_MAX_PASSES = 8
_APART = frozenset(" \t,;:=&@'<>()")
_EDGE = b"\x00"
Found = list[tuple[int, int, str]]


def stands_apart(text: str, start: int, stop: int) -> bool:
    """Tell whether what stands beside a secret cannot be part of another one."""
    return (start == 0 or text[start - 1] in _APART) and (stop >= len(text) or text[stop] in _APART)


class TextRedactor:
    """Replaces the secrets of a text and counts them by rule."""

    def __init__(self, rules: Rules, names: NameTest, fold: Fold) -> None:
        self._replacement = rules.replacement
        self._fold = fold
        self._search = compile_search(rules.candidates)
        self._assignment = AssignmentRule(rules.name_tail, rules.sign, names)
        self._patterns: dict[str, tuple[re.Pattern[str], Check]] = {
            one.name: (re.compile(one.pattern, one.flags), one.check) for one in rules.patterns
        }
        self.number_rule = rules.digits.rule_of
        self.has_custom = bool(rules.custom)
        self._custom = [(one.name, compile_bytes(one.re2_pattern)) for one in rules.custom]

    def redact(self, text: str, hits: Counter[str]) -> str:
        """Return the text without its secrets; the same object when it holds none.

        Where one secret touched another, the second may show only behind the mark: look again.
        """
        for _ in range(_MAX_PASSES):
            text, may_show_more = self._pass(text, hits)
            if not may_show_more:
                break
        return text

    def _pass(self, text: str, hits: Counter[str]) -> tuple[str, bool]:
        if text.isascii():
            copy, positions = text, None
        else:
            folded = self._fold.fold(text)
            copy, positions = folded.text, folded.positions
        found = self._find(copy)
        if not found:
            return text, False
        pieces: list[str] = []
        end = 0
        touches = False
        for start, stop, rule in _merged(found):
            begin, close = (
                (start, stop) if positions is None else (positions[start], positions[stop - 1] + 1)
            )
            if text[begin:close] == self._replacement:
                continue
            hits[rule] += 1
            pieces += (text[end:begin], self._replacement)
            end = close
            touches = touches or not stands_apart(copy, start, stop)
        pieces.append(text[end:])
        return ("".join(pieces), touches) if len(pieces) > 1 else (text, False)

    def _find(self, text: str) -> Found:
        data = _EDGE + text.encode("ascii") + _EDGE
        found: Found = []
        for name, pattern in self._custom:
            found += ((m.start() - 1, m.end() - 1, name) for m in pattern.finditer(data[:-1], 1))
        size = len(data)
        start, end = self._search(data, 0, size)[0]
        while end >= 0:
            hits, resume = self.ask(text, max(0, start - 1), end - 1)
            found += hits
            start, end = self._search(data, max(resume, start) + 1, size)[0]
        return found

    def ask(self, text: str, start: int, end: int) -> tuple[Found, int]:
        """Ask the rules that may begin at a candidate; return their finds and where to go on."""
        first = text[start]
        if text[start + 1 : start + 2] == "-" and text[start + 2 : start + 3].isdigit():
            return self._anchored("digits", text, start + 2, end)
        if not first.isalnum():
            if text.startswith("://", start):
                return self._anchored("url_credentials", text, start, end)
            if text.startswith("-----BEGIN", start):
                return self._anchored("private_key", text, start, end)
            start += 2 if first == "\\" else 1
            first = text[start : start + 1]
        if first.isdigit():
            return self._anchored("digits", text, start, end)
        name = _LETTERED.get(text[start : start + 3].lower())
        if name is None and first.isupper() and text[start + 2 : start + 4].isdigit():
            name = "iban"
        if name is not None:
            hits, resume = self._anchored(name, text, start, end)
            if hits or name == "jwt":
                return hits, resume
        return self._named(text, start, end)

    def _anchored(self, name: str, text: str, start: int, end: int) -> tuple[Found, int]:
        pattern, check = self._patterns[name]
        match = pattern.match(text, start)
        # The last character of a candidate that was none may stand before the next one.
        if match is None:
            return [], end - 1
        stop = match.end()
        hits = check(text, start, stop)
        if name == "digits":
            # The blanks and dashes behind the last digit may begin something else.
            return hits, start + len(text[start:stop].rstrip(" -"))
        if name == "jwt":
            return hits, stop
        return hits, max(hits[-1][1], end) if hits else end - 1

    def _named(self, text: str, start: int, end: int) -> tuple[Found, int]:
        word_end = min(end, len(text))
        while word_end > start and not text[word_end - 1].isalnum():
            word_end -= 1  # a short word is found with the character behind it
        span = self._assignment.find(text, start, word_end)
        if span is not None:
            return [(*span, "assignment")], max(span[1], end)
        if text[start] in "sS":
            return self._anchored("ssn", text, start, end)
        return [], word_end - 1


def _merged(found: Found) -> Found:
    """Return the spans in order, overlapping ones joined under the name of the first."""
    merged: Found = []
    for start, end, rule in sorted(found):
        if merged and start < merged[-1][1]:
            first, last, name = merged[-1]
            merged[-1] = (first, max(last, end), name)
        else:
            merged.append((start, end, rule))
    return merged
