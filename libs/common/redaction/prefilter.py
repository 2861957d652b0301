"""Says whether undecoded JSON can hold anything that redaction would change.

One pass of one RE2 alternation over the bytes. It may be wrong in one direction only: if the walk
changes an event, the prefilter hit its raw text (a property test holds it). It also hits what the
gateway must repair elsewhere: escapes, and numbers that no double holds.
"""

from libs.common.redaction.compiled import Search, compile_search


class Prefilter:
    """Finds suspect events in a body by their bytes alone."""

    def __init__(self, pattern: str) -> None:
        self.search: Search = compile_search(pattern)
