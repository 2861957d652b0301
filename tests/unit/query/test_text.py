"""What `text` means: the vectors that every reader of events has to agree with."""

from dataclasses import dataclass

import pytest

from libs.common.text import fold_case, like_pattern, parse_text
from services.query.domain.conditions import AllOf, Contains
from services.query.domain.matching import Block


@dataclass
class Message:
    """As much of an event as a search for text looks at."""

    message: str


PIECES: list[tuple[str, list[str]]] = [
    ("", []),
    ("   ", []),
    ("timeout", ["timeout"]),
    ("payment failed", ["payment", "failed"]),
    ('"payment failed"', ["payment failed"]),
    ('"payment failed" card', ["payment failed", "card"]),
    ('open "never closed', ["open", "never closed"]),
    ('""', []),
    ('a a "a"', ["a"]),
    ('say"hi" x', ['say"hi"', "x"]),
    ("100% a_b c\\d", ["100%", "a_b", "c\\d"]),
    ("ärger 中文", ["ärger", "中文"]),
]

MATCHES: list[tuple[str, str, bool]] = [
    ("order", "ORDER-123", True),
    ("123", "order-123", True),
    ("pointer", "java.lang.NullPointerException", True),
    ("failed payment", "Payment has failed", True),
    ('"failed payment"', "Payment has failed", False),
    ("%", "100 percent", False),
    ("a_b", "axb", False),
    ("ÄRGER", "großer ärger", True),
    ("ΟΔΟΣ", "οδοσ", True),
    ("istanbul", "İSTANBUL", True),
    ("strasse", "straße", False),
    ("", "anything", True),
]


@pytest.mark.parametrize(("text", "pieces"), PIECES)
def test_pieces(text: str, pieces: list[str]) -> None:
    assert parse_text(text) == pieces


@pytest.mark.parametrize(("text", "message", "expected"), MATCHES)
def test_matches(text: str, message: str, expected: bool) -> None:
    pieces = tuple(Contains(piece) for piece in parse_text(text))
    assert Block([Message(message)]).matches(AllOf(pieces)) == expected


def test_specials_of_like_are_literal() -> None:
    assert like_pattern("50%_\\") == "%50\\%\\_\\\\%"


def test_folding_keeps_the_length() -> None:
    for text in ("İIıi", "ΣΑΣ", "ẞß", "ABC", "Ǆ"):
        assert len(fold_case(text)) == len(text)
