"""Compiles the patterns that run over bytes, with the standard library."""

import re
from collections.abc import Callable, Sequence

Search = Callable[[bytes, int, int], Sequence[tuple[int, int]]]
"""`search(data, start, stop)[0]` is the span of the first match there, `(-1, -1)` for none."""

_NONE = ((-1, -1),)


def compile_bytes(pattern: str) -> re.Pattern[bytes]:
    """Compile a pattern of the subset that RE2, Python and JavaScript read alike."""
    return re.compile(pattern.encode("latin-1"))


def compile_search(pattern: str) -> Search:
    """Return a search between two positions."""
    find = compile_bytes(pattern).search

    def search(data: bytes, start: int, stop: int) -> Sequence[tuple[int, int]]:
        match = find(data, start, stop)
        return _NONE if match is None else (match.span(),)

    return search
