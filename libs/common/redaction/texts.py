"""Redacts one text: finds where a rule may begin with one pass of RE2, then asks that rule alone."""

import re
from collections import Counter

from libs.common.redaction.assignments import AssignmentRule
from libs.common.redaction.checks import Check
from libs.common.redaction.compiled import compile_bytes
from libs.common.redaction.fold import Fold
from libs.common.redaction.names import NameTest
from libs.common.redaction.rules import Rules

_EDGE = b"\x00"
Found = list[tuple[int, int, str]]


class TextRedactor:
    """Replaces the secrets of a text and counts them by rule."""

    def __init__(self, rules: Rules, names: NameTest, fold: Fold) -> None:
        self._replacement = rules.replacement
        self._fold = fold
        self._search = compile_bytes(rules.candidates).search
        self._assignment = AssignmentRule(rules.assignment, names)
        self._patterns: dict[str, tuple[re.Pattern[str], Check]] = {
            one.name: (re.compile(one.pattern, one.flags), one.check) for one in rules.patterns
        }
        self._custom = [(one.name, compile_bytes(one.re2_pattern)) for one in rules.custom]
        self._lettered = [
            self._patterns[name]
            for name in ("jwt", "iban", "bearer", "basic")
            if name in self._patterns
        ]

    def redact(self, text: str, hits: Counter[str]) -> str:
        """Return the text without its secrets; the same object when it holds none."""
        if text.isascii():
            copy, positions = text, None
        else:
            folded = self._fold.fold(text)
            copy, positions = folded.text, folded.positions
        found = self._find(copy)
        if not found:
            return text
        pieces = []
        end = 0
        for start, stop, rule in _merged(found):
            begin, close = (
                (start, stop) if positions is None else (positions[start], positions[stop - 1] + 1)
            )
            if text[begin:close] == self._replacement:
                continue
            hits[rule] += 1
            pieces += (text[end:begin], self._replacement)
            end = close
        pieces.append(text[end:])
        return "".join(pieces) if len(pieces) > 1 else text

    def _find(self, text: str) -> Found:
        data = _EDGE + text.encode("ascii") + _EDGE
        found: Found = []
        for name, pattern in self._custom:
            found += ((m.start() - 1, m.end() - 1, name) for m in pattern.finditer(data[:-1], 1))
        match = self._search(data)
        while match is not None:
            start, end = match.span()
            hits, resume = self._ask(text, max(0, start - 1), end - 1)
            found += hits
            match = self._search(data, resume + 1)
        return found

    def _ask(self, text: str, start: int, end: int) -> tuple[Found, int]:
        """Ask the rules that may begin at a candidate; return what they found and where to go on."""
        first = text[start : start + 1]
        if first == ":":
            return self._anchored("url_credentials", text, start, end)
        if text.startswith("-----BEGIN", start):
            return self._anchored("private_key", text, start, end)
        if first == "\\":
            start += 2
        elif not first.isalnum():
            start += 1
        if text[start : start + 1].isdigit():
            return self._anchored("digits", text, start, end)
        for pattern, check in self._lettered:
            match = pattern.match(text, start)
            if match:
                hits = check(text, *match.span())
                if hits:
                    return hits, max(hits[-1][1], end)
        return self._named(text, start, end)

    def _anchored(self, name: str, text: str, start: int, end: int) -> tuple[Found, int]:
        pattern, check = self._patterns[name]
        match = pattern.match(text, start)
        if match is None:
            return [], end
        hits = check(text, *match.span())
        resume = match.end() if name == "digits" else end
        return hits, max(hits[-1][1] if hits else 0, resume)

    def _named(self, text: str, start: int, end: int) -> tuple[Found, int]:
        # A short word is found with the character before it, which may be a letter: `userOtp`.
        for begin in (start, start + 1):
            span = self._assignment.find(text, begin, end)
            if span is not None:
                return [(*span, "assignment")], max(span[1], end)
            hits, resume = self._anchored("ssn", text, begin, end)
            if hits:
                return hits, resume
        return [], end


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
