"""Proves that a redaction pattern runs in linear time in every engine that reads it.

The subset is defined by this parser: literals, classes, `(?:...)`, `|`, `?`, `*`, `+`, `{m,n}`,
`\\b` and the escapes `\\d \\w \\t \\r \\n`. What it does not know it refuses, so look-around,
back-references, lazy and possessive quantifiers and inline flags cannot slip in. Four rules follow:

1. an unbounded quantifier stands last: once reached, the match can no longer fail;
2. what is repeated has one way only to take a text: no branch, and no quantifier at its end, shares
   a character with what may come next in the repetition;
3. a quantified item and its next neighbour cannot begin with the same character;
4. bounded repetitions, times the ways in which branches overlap, stay under `MAX_STEPS`.

An attempt then costs at most `MAX_STEPS` plus what it consumes, and that is not tried again.
"""

import functools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from libs.common.redaction.errors import RuleError
from libs.common.redaction.fold import OTHER

MAX_STEPS = 4096
MAX_PATTERN_LENGTH = 2000

_ALL = (1 << 128) - 1


def _chars(text: str) -> int:
    bits = 0
    for char in text:
        bits |= 1 << min(ord(char), 127)
    return bits


_DIGIT = _chars("0123456789")
_WORD = _DIGIT | _chars("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_ESCAPES = {"d": _DIGIT, "w": _WORD, "t": _chars("\t"), "r": _chars("\r"), "n": _chars("\n")}
_ESCAPED = _chars('"\\\n')  # all that JSON may escape without being suspect for it
_FOLDED = _chars(" -" + OTHER)
_PUNCTUATION = frozenset("\\.[](){}*+?|^$-/\"'@:#=&;%<> _~")


@dataclass(frozen=True)
class _Part:
    """What the rules need to know of a piece of a pattern."""

    first: int = 0  # characters it may begin with, as bits
    follow: int = 0  # characters its own repetition could still take after it ended
    nullable: bool = True
    unbounded: bool = False
    steps: int = 1
    ways: int = 1  # how many branches may have to be tried for one text


def check_linear(pattern: str, *, ignore_case: bool = False) -> str:
    """Raise `RuleError` unless the pattern is in the subset and linear by its construction.

    Returns the form that finds the same in undecoded JSON, where a character may stand as an
    escape, over several levels of JSON in JSON, or as the UTF-8 of what is folded to it.
    """
    if not pattern or len(pattern) > MAX_PATTERN_LENGTH:
        raise RuleError(f"a pattern has 1 to {MAX_PATTERN_LENGTH} characters")
    if not pattern.isascii():
        raise RuleError("a pattern is ASCII: texts are folded before they are matched")
    parser = _Parser(pattern, ignore_case=ignore_case)
    whole = parser.alternation(depth=0)
    if parser.position != len(pattern):
        raise parser.error("unbalanced )")
    if whole.nullable:
        raise RuleError(f"pattern {pattern!r} matches the empty text")
    steps = whole.steps * whole.ways
    if steps > MAX_STEPS:
        raise RuleError(f"pattern {pattern!r} repeats too much: {steps} > {MAX_STEPS} steps")
    return "".join(parser.raw)


class _Parser:
    def __init__(self, pattern: str, *, ignore_case: bool) -> None:
        self.pattern = pattern
        self.position = 0
        self.raw: list[str] = []
        self._ignore_case = ignore_case

    def error(self, reason: str) -> RuleError:
        return RuleError(f"pattern {self.pattern!r}, position {self.position}: {reason}")

    def _peek(self) -> str:
        return self.pattern[self.position : self.position + 1]

    def _take(self, text: str) -> bool:
        if self.pattern.startswith(text, self.position):
            self.position += len(text)
            return True
        return False

    def alternation(self, depth: int) -> _Part:
        if depth > 20:
            raise self.error("groups nest too deep")
        branches = [self._sequence(depth)]
        while self._take("|"):
            self.raw.append("|")
            branches.append(self._sequence(depth))
        if len(branches) == 1:
            return branches[0]
        return _Part(
            first=_union(branch.first for branch in branches),
            follow=_union(branch.follow for branch in branches),
            nullable=any(branch.nullable for branch in branches),
            unbounded=any(branch.unbounded for branch in branches),
            steps=max(branch.steps for branch in branches),
            ways=_ways(branches),
        )

    def _sequence(self, depth: int) -> _Part:
        whole = _Part()
        while self._peek() not in {"", "|", ")"}:
            whole = self._join(whole, self._quantified(depth))
        return whole

    def _join(self, left: _Part, right: _Part) -> _Part:
        if left.unbounded and not right.nullable:
            raise self.error("an unbounded quantifier must stand last")
        if left.follow & right.first:
            raise self.error("two neighbours can take the same character: overlapping quantifiers")
        return _Part(
            first=left.first | (right.first if left.nullable else 0),
            follow=right.follow | (left.follow if right.nullable else 0),
            nullable=left.nullable and right.nullable,
            unbounded=left.unbounded or right.unbounded,
            steps=left.steps + right.steps,
            ways=left.ways * right.ways,
        )

    def _quantified(self, depth: int) -> _Part:
        item = self._item(depth)
        before = self.position
        low, high = self._quantifier()
        self.raw.append(self.pattern[before : self.position])
        if (low, high) == (1, 1):
            return item
        if self._peek() in {"?", "+", "*"} or self._peek() == "{":
            raise self.error("lazy, possessive or doubled quantifier")
        if item.nullable:
            raise self.error("a repeated item must take a character")
        if high == 1:
            return replace(item, nullable=True, follow=item.follow | item.first)
        if item.unbounded or item.follow & item.first or item.ways > 1:
            raise self.error("nested quantifiers, or overlapping branches under a quantifier")
        return _Part(
            first=item.first,
            follow=item.follow | (item.first if high is None or high > low else 0),
            nullable=low == 0,
            unbounded=high is None,
            steps=item.steps * max(1, low if high is None else high),
        )

    def _quantifier(self) -> tuple[int, int | None]:
        for text, low_count, high_count in (("?", 0, 1), ("*", 0, None), ("+", 1, None)):
            if self._take(text):
                return low_count, high_count
        if not self._take("{"):
            return 1, 1
        end = self.pattern.find("}", self.position)
        low, comma, high = self.pattern[self.position : end].partition(",")
        if end < 0 or not low.isdigit() or (high and not high.isdigit()):
            raise self.error("a quantifier is {m}, {m,} or {m,n}")
        self.position = end + 1
        bounds: tuple[int, int | None] = (
            int(low),
            (int(high) if high else None) if comma else int(low),
        )
        if bounds[1] is not None and (bounds[1] < bounds[0] or bounds[1] == 0):
            raise self.error("the bounds of a quantifier are the wrong way round")
        return bounds

    def _item(self, depth: int) -> _Part:
        char = self._peek()
        if char == "(":
            if not self._take("(?:"):
                raise self.error("only (?:...) groups: no captures, look-around or flags")
            self.raw.append("(?:")
            inner = self.alternation(depth + 1)
            self.raw.append(")")
            if not self._take(")"):
                raise self.error("missing )")
            return inner
        if char == "[":
            return self._one(self._class())
        if char in {"*", "+", "?", "{", "}", "]", "^", "$", "."}:
            raise self.error(f"{char!r} is not in the subset here: escape it or use a class")
        self.position += 1
        if char == "\\":
            return self._escape()
        return self._one(_chars(char))

    def _escape(self) -> _Part:
        char = self._peek()
        self.position += 1
        if char == "b":
            return _Part()
        return self._one(self._escaped(char))

    def _escaped(self, char: str) -> int:
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char in _PUNCTUATION and char:
            return _chars(char)
        raise self.error(f"escape \\{char} is not in the subset")

    def _one(self, bits: int) -> _Part:
        if self._ignore_case:
            bits = _both_cases(bits)
        self.raw.append(_raw_class(bits))
        return _Part(first=bits, nullable=False)

    def _class(self) -> int:
        self.position += 1
        negated = self._take("^")
        bits = 0
        while not self._take("]"):
            low = self._class_char()
            if self._peek() == "-" and self.pattern[self.position + 1 : self.position + 2] not in {
                "]",
                "",
            }:
                self.position += 1
                bits |= self._range(low, self._class_char())
            else:
                bits |= low
        if not bits:
            raise self.error("empty class")
        return _ALL & ~bits if negated else bits

    def _class_char(self) -> int:
        char = self._peek()
        self.position += 1
        if not char:
            raise self.error("missing ]")
        if char == "[":
            raise self.error("write \\[ inside a class")
        if char == "\\":
            escaped = self._peek()
            self.position += 1
            return self._escaped(escaped)
        return _chars(char)

    def _range(self, low: int, high: int) -> int:
        if low.bit_count() != 1 or high.bit_count() != 1 or low > high:
            raise self.error("a range goes from a character up to another")
        return (high << 1) - low


def _ways(branches: Sequence[_Part]) -> int:
    """Return how many branches the worst first character leaves open."""
    always = sum(branch.ways for branch in branches if branch.nullable)
    return (
        max(
            always + sum(one.ways for one in branches if not one.nullable and one.first >> code & 1)
            for code in range(128)
        )
        or 1
    )


def _union(bits: Iterable[int]) -> int:
    return functools.reduce(operator.or_, bits, 0)


def _both_cases(bits: int) -> int:
    upper = bits >> 32 & _chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    lower = bits << 32 & _chars("abcdefghijklmnopqrstuvwxyz")
    return bits | upper | lower


def _raw_class(bits: int) -> str:
    ranges = "".join(f"\\x{code:02x}" for code in range(128) if bits >> code & 1)
    forms = [f"[{ranges}]"]
    if bits & _ESCAPED:
        forms.append(r"\\+[\"\\n]")
    if bits & _FOLDED:
        forms.append(r"[\x80-\xff]+")
    return forms[0] if len(forms) == 1 else f"(?:{'|'.join(forms)})"
