"""Shapes of secrets in URLs so plain that one match on the bytes of a JSON text tells them.

Each stands for what `TextRedactor.ask` would answer and covers a part of it only: whatever does not
match is asked there. The text around is known to be ASCII without a backslash, and to be no key.
"""

import re
from collections.abc import Callable

from libs.common.redaction.assignments import ABSENT, LONGEST_ABSENT
from libs.common.redaction.names import Verdict

CREDENTIALS = re.compile(
    rb"://[A-Za-z0-9_.~%+\-]{0,64}:([A-Za-z0-9_.~%+!$*=\-]{1,256})@[A-Za-z0-9.:\-]{0,256}(?=[/?#\"])"
)
"""The password of `scheme://user:password@host`, to be matched where a hit begins."""

_VALUE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.~%+/=:\-]*(?=[\"&])")
# no letter that `ask` would take for the beginning of a token of its own
_NAME = re.compile(r"(?!(?i:eyj|bea|bas))[a-z][A-Za-z_]*")
_CACHE_COUNT = 4096
_ABSENT = frozenset(value.encode() for value in ABSENT)
_EQUALS = 0x3D
_BEFORE = b"?&"


class PlainParameters:
    """Finds the value of `?token=value` and `&token=value`; remembers the names that mask."""

    def __init__(self, verdict: Callable[[str], Verdict]) -> None:
        self._verdict = verdict
        self._masked: set[bytes] = set()

    def value(self, body: bytes, start: int, stop: int) -> tuple[int, int] | None:
        """Return the span of the value that a hit announces, or nothing where it is less plain."""
        if body[stop] != _EQUALS or body[start - 1] not in _BEFORE:
            return None
        name = body[start:stop]
        if name not in self._masked and not self._learn(name):
            return None
        match = _VALUE.match(body, stop + 1)
        if match is None:
            return None
        span = match.span()
        if span[1] - span[0] <= LONGEST_ABSENT and match.group().lower() in _ABSENT:
            return None
        return span

    def _learn(self, name: bytes) -> bool:
        text = str(name, "latin-1")
        if not _NAME.fullmatch(text) or self._verdict(text) is not Verdict.MASK:
            return False
        if len(self._masked) >= _CACHE_COUNT:
            self._masked.clear()
        self._masked.add(name)
        return True
