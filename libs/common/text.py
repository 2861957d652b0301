"""What `text` means in a search: its pieces, and how they are looked for in slices and live tail.

Each word, or "quoted phrase", must occur in the message as a piece of text, whatever its case.
`tests/vectors/search_text.jsonl` says by example what every way of searching has to find.
"""

import re

_PIECE = re.compile(r'"([^"]*)(?:"|$)|(\S+)')
_LIKE_SPECIALS = re.compile(r"([\\%_])")


def parse_text(text: str) -> list[str]:
    """Split a search text into its pieces, in order, without repeats.

    A double quote at the start of a piece opens a phrase that ends at the next quote, or with the
    text; inside of a word it is an ordinary character. Empty phrases are dropped.
    """
    pieces = [phrase or word for phrase, word in _PIECE.findall(text)]
    return list(dict.fromkeys(piece for piece in pieces if piece.strip()))


def like_pattern(piece: str) -> str:
    """Return the ILIKE pattern that finds a piece anywhere, its specials taken literally."""
    return "%" + _LIKE_SPECIALS.sub(r"\\\1", piece) + "%"


def fold_case(text: str) -> str:
    """Lower the case as PostgreSQL's `C.UTF-8` does: one character for one, without context.

    Python's own `lower` differs for two letters only: it makes two characters of a dotted capital
    I, and looks at the neighbours of a capital sigma.
    """
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()
