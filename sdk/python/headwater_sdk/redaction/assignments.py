# Made by scripts/sdk_redaction.py from libs/common/redaction/assignments.py.
"""Finds secrets that a name announces in running text: `password=…`, headers, flags, markup.

Works on the ASCII copy of a text (`fold`). The name is judged by the same test as a key of JSON, so
that a list for fields and a list for texts can never drift apart.
"""

import re
import string

from headwater_sdk.redaction.fold import OTHER
from headwater_sdk.redaction.names import NameTest, Verdict

_NAME_CHARS = string.ascii_letters + string.digits + "_.-[]"
_LONGEST_PREFIX = 64
_PLAIN_VALUE = re.compile(r"[^\s&;,\"'`<>]+")
_COOKIES = re.compile(r"[^\s;\"'`]+(?:; ?[^\s;\"'`=]+(?:=[^\s;\"'`]*)?)*")
_REST_OF_LINE = re.compile(r"[^\r\n]+")
_LITERAL_PREFIX = re.compile(r"[bBrRuUfF]{1,2}(?=[\"'])")
_ESCAPED_QUOTE = re.compile(r"(\\*)([\"'`])")
_SCHEME = re.compile(
    r"(?:bearer|basic|token|apikey|negotiate|bot|key)[ \t]+(?=[^\s])", re.IGNORECASE
)
_SIGNED_SCHEME = re.compile(r"(?:digest|signature|oauth|hawk|aws4-)", re.IGNORECASE)
_SCALAR = re.compile(
    r"-?[0-9][0-9.eE+\-]{0,24}|true|false|[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9T:.Z+\-]*", re.IGNORECASE
)
ABSENT = frozenset({"null", "none", "nil", "undefined", "nan", "(null)"})
LONGEST_ABSENT = 9
_NAME = re.compile(r"[A-Za-z0-9_.\-\[\]]*")
_SUBSTANCE = re.compile(f"[A-Za-z0-9{OTHER}]")
_MAY_OPEN = frozenset("\"'`\\bBrRuUfF")
_CODE = frozenset(":/=")
_OPENING = frozenset("{[(")
_LONGEST_BRACKET = 65_536


class AssignmentRule:
    """Finds the value after a sensitive name: its word, the rest of the name, a sign, the value."""

    def __init__(self, name_tail: str, sign: str, names: NameTest) -> None:
        # Two steps, for Python would try every shorter name again before it gives up.
        self._tail = re.compile(name_tail, re.ASCII)
        self._sign = re.compile(sign, re.ASCII)
        self._flag = re.compile(r"[A-Za-z0-9_.\-]{0,40}[ \t]{1,4}(?=[^\s\-])", re.ASCII)
        self._verdict = names.verdict

    def find(self, text: str, start: int, word_end: int) -> tuple[int, int] | None:
        """Return the span of the secret that the word at `start` announces, or nothing."""
        tail_end = word_end
        if text[word_end : word_end + 1] != "=":
            tail = self._tail.match(text, word_end)
            tail_end = tail.end() if tail else word_end
        match = self._sign.match(text, tail_end)
        if match is None:
            return self._markup_or_flag(text, start, word_end)
        name = _full_name(text, start)
        verdict = self._verdict(name)
        if verdict is Verdict.KEEP:
            return None
        value = match.end()
        header = name.lower() if ":" in text[value - 3 : value] else ""
        span = value_span(text, value, header)
        if span is None or (verdict is Verdict.MASK_TEXT and _SCALAR.fullmatch(text, *span)):
            return None
        return span

    def _markup_or_flag(self, text: str, start: int, word_end: int) -> tuple[int, int] | None:
        """Find the value of `<password>…</password>` and of `--password …`."""
        before = text[max(0, start - _LONGEST_PREFIX) : start]
        opening = before.rstrip(_NAME_CHARS)
        span = None
        if opening.endswith("<"):
            name = _full_name(text, start)
            close = text.find(">", word_end, word_end + _LONGEST_PREFIX)
            end = text.find("<", close) if close >= 0 else -1
            if end > close + 1 and " " not in text[start:close]:
                span = close + 1, end
        elif before[len(opening) :].startswith("--"):
            name = _full_name(text, start)
            match = self._flag.match(text, word_end)
            span = value_span(text, match.end(), "") if match else None
        if span is None:
            return None
        verdict = self._verdict(name)
        if verdict is Verdict.MASK or (
            verdict is Verdict.MASK_TEXT and not _SCALAR.fullmatch(text, *span)
        ):
            return span
        return None


def _full_name(text: str, start: int) -> str:
    """Return the full name around a word: `user[new_password]`, not only `password`."""
    begin = start
    if start and text[start - 1] in _NAME_CHARS:
        before = text[max(0, start - _LONGEST_PREFIX) : start]
        begin -= len(before) - len(before.rstrip(_NAME_CHARS))
    tail = _NAME.match(text, start)
    return text[begin : tail.end() if tail else start].strip(".-")


def value_span(text: str, start: int, header: str) -> tuple[int, int] | None:
    """Return where the value at `start` begins and ends, without its quotes.

    `header` is the name of a header line, whose value may hold blanks. Nothing for an absent value
    and for what is code, not a value.
    """
    first = text[start : start + 1]
    if first in _MAY_OPEN:
        prefix = _LITERAL_PREFIX.match(text, start)
        quote = _ESCAPED_QUOTE.match(text, prefix.end() if prefix else start)
        if quote:
            return _quoted(text, quote.end(), quote.group(1), quote.group(2))
    if first in _CODE and text.startswith((":", "//", "="), start):
        return None  # Token::Type, secret://, a comparison
    end = _header_end(text, start, header) if header else None
    if end is None:
        end = _plain_end(text, start)
    if end <= start or (end - start <= LONGEST_ABSENT and text[start:end].lower() in ABSENT):
        return None
    return (start, end) if first.isalnum() or _SUBSTANCE.search(text, start, end) else None


def _quoted(text: str, start: int, escape: str, quote: str) -> tuple[int, int] | None:
    if escape:
        end = text.find(escape + quote, start)
    else:
        end = text.find(quote, start)
        while end > start and _is_escaped(text, start, end):
            end = text.find(quote, end + 1)
    if end < 0:
        end = len(text)
    return (start, end) if end > start else None


def _is_escaped(text: str, start: int, end: int) -> bool:
    back = end
    while back > start and text[back - 1] == "\\":
        back -= 1
    return (end - back) % 2 == 1


def _header_end(text: str, start: int, header: str) -> int | None:
    if "cookie" in header:
        match = _COOKIES.match(text, start)
        return match.end() if match else None
    if "authorization" not in header:
        return None
    if _SIGNED_SCHEME.match(text, start):
        rest = _REST_OF_LINE.match(text, start)
        return rest.end() if rest else None
    scheme = _SCHEME.match(text, start)
    return _plain_end(text, scheme.end()) if scheme else None


def _plain_end(text: str, start: int) -> int:
    end = start
    if text[start : start + 1] in _OPENING:
        end = _bracket_end(text, start)
    match = _PLAIN_VALUE.match(text, end)
    if match is None:
        return end
    stop = match.end()
    if text[stop - 1] in ")]}\\":
        stop = end + len(match.group().rstrip(")]}\\"))
    return stop


def _bracket_end(text: str, start: int) -> int:
    """Return the end of a bracketed value; one that stays open ends with the text."""
    depth = 0
    for position in range(start, min(len(text), start + _LONGEST_BRACKET)):
        char = text[position]
        if char in "{[(":
            depth += 1
        elif char in "}])":
            depth -= 1
            if depth == 0:
                return position + 1
    return len(text)
