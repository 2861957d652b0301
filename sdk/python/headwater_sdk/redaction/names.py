# Made by scripts/sdk_redaction.py from libs/common/redaction/names.py.
"""Judges names: does a key, a parameter or a header of this name hold a secret?"""

import re
from dataclasses import dataclass
from enum import Enum

from headwater_sdk.redaction.fold import Fold

_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAME = re.compile(r"[\w.\-\[\]]{1,64}")
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_CACHE_COUNT = 8192
_CACHED_LENGTH = 80
_LONGEST_NAME = 512


def is_name(text: str) -> bool:
    """Say whether a text could name something: `X-Api-Key`, `user[password]`, not a sentence."""
    return "/" not in text and " " not in text and _NAME.fullmatch(text) is not None


class Verdict(Enum):
    """What becomes of the value under a name."""

    KEEP = 0
    MASK = 1
    MASK_TEXT = 2  # numbers, booleans and timestamps stay: `token_count`, `password_changed_at`


@dataclass(frozen=True)
class NameRules:
    """The part of the rule file that speaks of names; the words are regular expressions."""

    words: str
    short_words: str
    run_on: frozenset[str]
    descriptors: frozenset[str]
    scalar_descriptors: frozenset[str]
    scalar_heads: frozenset[str]
    exempt: frozenset[str]
    mark: str


class NameTest:
    """Answers for a name, in any casing and spelling, and remembers the answer."""

    def __init__(self, rules: NameRules, fold: Fold) -> None:
        self._rules = rules
        self._fold = fold
        self._words = re.compile(f"(?:{rules.words})", re.ASCII | re.IGNORECASE)
        self._short = re.compile(f"(?:{rules.short_words})", re.ASCII | re.IGNORECASE)
        self._cache: dict[str, Verdict] = {}

    def verdict(self, name: str) -> Verdict:
        """Say what becomes of the value under this name."""
        known = self._cache.get(name)
        if known is not None:
            return known
        verdict = self._judge(name)
        if len(name) <= _CACHED_LENGTH:
            if len(self._cache) >= _CACHE_COUNT:
                self._cache.clear()
            self._cache[name] = verdict
        return verdict

    def _judge(self, name: str) -> Verdict:
        plain = name if name.isascii() else self._fold.fold(name).text
        # The mark counts as a letter: what was no word before a secret vanished is none behind it.
        plain = plain.replace(self._rules.mark, "x")
        if not self._holds_word(plain):
            return Verdict.KEEP
        if _NOT_PLAIN.sub("", plain.lower()) in self._rules.exempt:
            return Verdict.KEEP
        # A long name is judged by its end, where the meaning stands; the work stays bounded.
        pieces = [piece.lower() for piece in _PIECE.findall(plain[-_LONGEST_NAME:])]
        if len(pieces) > 1:
            if pieces[-1] in self._rules.descriptors:
                return Verdict.KEEP
            if (
                pieces[-1] in self._rules.scalar_descriptors
                or pieces[0] in self._rules.scalar_heads
            ):
                return Verdict.MASK_TEXT
        if pieces and pieces[-1] == "tokens":  # counts of a language model, or a list of secrets
            return Verdict.MASK_TEXT
        return Verdict.MASK

    def _holds_word(self, name: str) -> bool:
        match = self._words.search(name)
        while match is not None:
            if self._ends(name, match.end()):
                return True
            # Words overlap: `user_pass` hides the `password` of `user_password`.
            match = self._words.search(name, match.start() + 1)
        for match in self._short.finditer(name):
            if _begins(name, match.start()) and _stops(name, match.end()):
                return True
        return False

    def _ends(self, name: str, end: int) -> bool:
        """Whether a word of the name ends here, plural and run-on endings included."""
        if _stops(name, end):
            return True
        if name[end] in "sS" and _stops(name, end + 1):
            return True
        tail = re.match(r"[A-Za-z]+", name[end : end + 20])
        return tail is not None and tail.group().lower() in self._rules.run_on


def _stops(name: str, end: int) -> bool:
    """Whether no letter follows, or the case changes: `token_x`, `token2`, `tokenValue`."""
    following = name[end : end + 2]
    if not following or not following[0].isalpha():
        return True
    if name[end - 1].islower():
        return following[0].isupper()
    return following[0].isupper() and following[1:].islower()


def _begins(name: str, start: int) -> bool:
    if start == 0 or not name[start - 1].isalpha():
        return True
    return name[start - 1].islower() and name[start].isupper()
