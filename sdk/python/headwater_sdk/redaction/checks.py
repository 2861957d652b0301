# Made by scripts/sdk_redaction.py from libs/common/redaction/checks.py.
"""Checks of what a pattern found: is it really a card, a bank account, a token?

A check answers with the spans to replace inside the text, and says how far the text is dealt with.
Everything here is linear in the length of the match.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Span = tuple[int, int]
Found = list[tuple[int, int, str]]  # where from, where to, by which rule
Check = Callable[[str, int, int], Found]

# What doubling adds to a digit's share of the sum, modulo 10.
_DOUBLING = bytes.maketrans(b"0123456789", bytes((0, 1, 2, 3, 4, 6, 7, 8, 9, 0)))
_DIGITS = re.compile(r"[0-9]+")
_NUMBER = (
    r"[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{4} [0-9]{4} [0-9]{4} [0-9]{4}"
    r"|[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{4}|[0-9]{4} [0-9]{6} [0-9]{4,5}"
    r"|[0-9]{4}-[0-9]{6}-[0-9]{4,5}"
)
ORDINARY_NUMBER = f"{_NUMBER}|[0-9]{{13,19}}"
"""One card or dashed SSN as people write it, digits and separators only."""
_ONE_NUMBER = re.compile(ORDINARY_NUMBER)
_SHAPES = re.compile(f"{_NUMBER}|[0-9]{{13,}}")
_MAX_GROUPS = 16
_SSN_LENGTH = 11
_MAX_CARD_DIGITS = 19
_MIN_CARD_DIGITS = 13
_MAX_GROUP_DIGITS = 7
_SSN_GROUPS = (3, 2, 4)


@dataclass(frozen=True)
class CardRange:
    """Cards whose number begins between two prefixes and has one of these lengths."""

    first: str
    last: str
    lengths: frozenset[int]

    def holds(self, digits: str) -> bool:
        """Say whether a number is of this range."""
        return len(digits) in self.lengths and self.first <= digits[: len(self.first)] <= self.last


def passes_luhn(digits: str) -> bool:
    """Say whether the check digit of a card number is right."""
    codes = digits.encode()
    return (sum(codes) + sum(codes[-2::-2].translate(_DOUBLING)) - 48 * len(codes)) % 10 == 0


def passes_mod97(account: str) -> bool:
    """Say whether the check digits of an IBAN are right (ISO 13616)."""
    return int("".join(str(int(char, 36)) for char in account[4:] + account[:4])) % 97 == 1


class DigitCheck:
    """Finds cards and dashed SSNs in a run of digits, single blanks and dashes."""

    def __init__(self, ranges: Sequence[CardRange]) -> None:
        self._ranges: dict[str, list[CardRange]] = {}
        for one in ranges:
            for lead in range(int(one.first[0]), int(one.last[0]) + 1):
                self._ranges.setdefault(str(lead), []).append(one)

    def is_card(self, digits: str) -> bool:
        """Say whether digits are a card number: a known issuer, its length, the check digit."""
        for one in self._ranges.get(digits[0], ()):
            if one.holds(digits):
                return passes_luhn(digits)
        return False

    def rule_of(self, number: str) -> str | None:
        """Say which rule a number of ordinary shape (`ORDINARY_NUMBER`) falls under, if any."""
        if len(number) == _SSN_LENGTH and number[3] == "-":
            return "ssn"
        if "-" in number:
            number = number.replace("-", "")
        elif " " in number:
            number = number.replace(" ", "")
        return "card" if self.is_card(number) else None

    def __call__(self, text: str, start: int, end: int) -> Found:
        """Return the cards and SSNs of a run."""
        whole = self._whole(text, start, end)
        if whole is not None:
            return [whole]
        if text.count(" ", start, end) + text.count("-", start, end) > _MAX_GROUPS:
            return self._long(text, start, end)
        groups = [match.span() for match in _DIGITS.finditer(text, start, end)]
        found = []
        index = 0
        while index < len(groups):
            last, rule = self._find(text, groups, index)
            if last is None:
                index += 1
            else:
                found.append((groups[index][0], groups[last][1], rule))
                index = last + 1
        return found

    def _whole(self, text: str, start: int, end: int) -> tuple[int, int, str] | None:
        """Return the whole run when it is one card or SSN: the ordinary case, not taken apart."""
        match = _ONE_NUMBER.match(text, start, end)
        if match is None or touches_before(text, start):
            return None
        stop = match.end()
        if text[stop:end].strip(" -") or touches_after(text, stop):
            return None
        number = match.group()
        rule = self.rule_of(number)
        if rule == "card" and "-" in number and text[start - 1 : start] == "-":
            return None
        return (start, stop, rule) if rule else None

    def _long(self, text: str, start: int, end: int) -> Found:
        """Find numbers of the usual shapes in a long run, such as a dump of numbers."""
        found = []
        match = _SHAPES.search(text, start, end)
        while match is not None:
            begin, stop = match.span()
            one = self._whole(text, begin, stop)
            if one is not None:
                found.append(one)
            else:
                stop = _group_end(text, begin, stop)
            match = _SHAPES.search(text, stop, end)
        return found

    def _find(self, text: str, groups: Sequence[Span], first: int) -> tuple[int | None, str]:
        start, end = groups[first]
        if touches_before(text, start):
            return None, ""
        if end - start >= _MIN_CARD_DIGITS:
            whole = end - start <= _MAX_CARD_DIGITS and not touches_after(text, end)
            return (first if whole and self.is_card(text[start:end]) else None), "card"
        if text[end : end + 1] not in {" ", "-"} or end - start < 2:
            return None, ""
        if text[end] == "-" and _is_ssn(text, groups[first : first + 3]):
            return first + 2, "ssn"
        return self._grouped(text, groups, first), "card"

    def _grouped(self, text: str, groups: Sequence[Span], first: int) -> int | None:
        start, end = groups[first]
        separator = text[end]
        if text[start] not in self._ranges or end - start > _MAX_GROUP_DIGITS:
            return None
        if separator == "-" and text[start - 1 : start] == "-":
            return None  # inside a UUID or a longer number
        digits = text[start:end]
        best = None
        for index in range(first + 1, len(groups)):
            begin, end = groups[index]
            size = end - begin
            if begin != groups[index - 1][1] + 1 or text[begin - 1] != separator:
                break
            if not 2 <= size <= _MAX_GROUP_DIGITS or len(digits) + size > _MAX_CARD_DIGITS:
                break
            digits += text[begin:end]
            if (
                len(digits) >= _MIN_CARD_DIGITS
                and not touches_after(text, end)
                and self.is_card(digits)
            ):
                best = index
        return best


def _group_end(text: str, start: int, end: int) -> int:
    match = _DIGITS.match(text, start, end)
    return match.end() if match else end


def touches_before(text: str, start: int) -> bool:
    """Whether the number goes on to the left: a letter, a digit, or a digit and a dot or dash."""
    if start == 0:
        return False
    before = text[start - 1]
    if before in ".-":
        return start > 1 and text[start - 2].isdigit()
    return before.isalnum()


def touches_after(text: str, end: int) -> bool:
    """Whether the number goes on to the right: a letter, a digit, or a dot or dash and a digit."""
    if end >= len(text):
        return False
    after = text[end]
    if after in ".-":
        return text[end + 1 : end + 2].isdigit()
    return after.isalnum()


def _is_ssn(text: str, groups: Sequence[Span]) -> bool:
    if tuple(end - begin for begin, end in groups) != _SSN_GROUPS:
        return False
    (_, first_end), (begin, end), (last_begin, last_end) = groups
    if (
        begin != first_end + 1
        or last_begin != end + 1
        or text[first_end] != "-"
        or text[end] != "-"
    ):
        return False
    return not touches_after(text, last_end)


class IbanCheck:
    """Finds a bank account number: a country, its length, the check digits."""

    def __init__(self, lengths: Mapping[str, int]) -> None:
        self._lengths = lengths

    def __call__(self, text: str, start: int, end: int) -> Found:
        """Return the account when its country, length and check digits are right."""
        length = self._lengths.get(text[start : start + 2])
        if length is None or (start and text[start - 1].isalnum()):
            return []
        account = ""
        for position in range(start, end):
            if text[position] != " ":
                account += text[position]
            if len(account) == length:
                if text[position + 1 : position + 2].isalnum() or not passes_mod97(account):
                    return []
                return [(start, position + 1, "iban")]
        return []


def check_jwt(text: str, start: int, end: int) -> Found:
    """A signed or encrypted token has two dots or more between parts that are not empty."""
    parts = text[start:end].rstrip(".").split(".", 3)
    if len(parts) < 2 or len(parts[0]) < 8 or len(parts[1]) < 4:
        return []
    return [(start, end, "jwt")]


def check_bearer(text: str, start: int, end: int) -> Found:
    """A token, not prose such as `bearer of news` or `bearer authentication`."""
    value = text[start + 6 : end].lstrip(" \t")
    if len(value) < 16 and not any(char.isdigit() for char in value):
        return []
    return [(end - len(value), end, "bearer")]


def check_basic(text: str, start: int, end: int) -> Found:
    """User and password, that is base64 with a colon inside, not prose such as `basic plan`."""
    value = text[start + 5 : end].lstrip(" \t")
    if len(value) < 4:
        return []
    try:
        decoded = base64.b64decode(
            value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4), altchars=b"-_"
        )
    except (binascii.Error, ValueError):
        return []
    return [(end - len(value), end, "basic")] if b":" in decoded else []


def check_private_key(text: str, start: int, end: int) -> Found:
    """The whole block; one that was cut off counts to the end of the text."""
    close = text.find("-----END", end)
    if close < 0:
        return [(start, len(text), "private_key")]
    stop = text.find("-----", close + 8)
    return [(start, len(text) if stop < 0 else stop + 5, "private_key")]


def check_url_credentials(text: str, start: int, end: int) -> Found:
    """The password of `scheme://user:password@host`, or a user that looks like a token itself."""
    at = text.rfind("@", start, end)
    colon = text.find(":", start + 3, at)
    if colon < 0:
        return [(start + 3, at, "url_credentials")] if at - start >= 23 else []
    return [(colon + 1, at, "url_credentials")] if at > colon + 1 else []


def check_ssn_context(text: str, start: int, end: int) -> Found:
    """Nine digits after a word that says what they are; blanks and dashes between them are fine."""
    position = end
    count = 0
    while count < 9:
        position -= 1
        count += text[position].isdigit()
    if touches_before(text, position) or touches_after(text, end):
        return []
    if start and text[start - 1].isalpha():
        return []
    return [(position, end, "ssn")]
