# Made by scripts/sdk_redaction.py from libs/common/redaction/fold.py.
"""Makes the ASCII copy of a text on which rules are matched, with a map back to the text itself.

Invisible characters vanish, look-alikes (full-width, mathematical, circled letters) become the
letter they stand for, blanks and dashes become one each, and any other character becomes `OTHER`.
The copy only finds; what is stored is the sender's text with the found parts replaced.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headwater_sdk.redaction.errors import RuleError

OTHER = "\x1a"  # neither letter, digit, blank nor punctuation, so that it ends no value early


@dataclass(frozen=True)
class Folded:
    """An ASCII text and the position in the original of each of its characters and of the end."""

    text: str
    positions: Sequence[int]


class Fold:
    """Folds texts by the ranges of the rule file."""

    def __init__(self, ranges: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._table: dict[int, str] = {}
        for action, spans in ranges.items():
            for low, high in spans:
                for code in range(int(low, 16), int(high, 16) + 1):
                    self._table[code] = _folded(action, code)

    def fold(self, text: str) -> Folded:
        """Return the ASCII copy of a text that is not ASCII already."""
        pieces: list[str] = []
        positions: list[int] = []
        table = self._table
        for index, char in enumerate(text):
            piece = char if char < "\x80" else table.get(ord(char), OTHER)
            pieces.append(piece)
            positions.extend([index] * len(piece))
        positions.append(len(text))
        return Folded("".join(pieces), positions)


def _folded(action: str, code: int) -> str:
    match action:
        case "drop":
            return ""
        case "space":
            return " "
        case "dash":
            return "-"
        case "compat":
            folded = unicodedata.normalize("NFKC", chr(code))
            return folded if folded.isascii() else OTHER
    raise RuleError(f"fold knows drop, space, dash and compat, not {action!r}")
