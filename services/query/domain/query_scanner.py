"""Cuts the text of `q=` into tokens. One pass, character by character: no pattern can backtrack."""

from dataclasses import dataclass
from typing import Literal

from services.query.domain.errors import InvalidQuery

Kind = Literal["word", "phrase", "field", "minus", "open", "close", "or", "and", "not", "end"]
_KEYWORDS: dict[str, Kind] = {"OR": "or", "AND": "and", "NOT": "not"}
_EXTRA = "extra."


@dataclass(frozen=True)
class Token:
    """A piece of the query: what it is, what it says, and where it stands."""

    kind: Kind
    text: str
    position: int
    after: int
    """Where the text goes on behind it; behind a field that is behind the colon."""
    is_glued: bool = False
    """Whether no blank stands before it."""


def tokens(text: str) -> list[Token]:
    """Return the tokens, an `end` last; raises InvalidQuery."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        follows_field = bool(found) and found[-1].kind == "field" and _is_glued(text, at)
        token = _token(text, at, is_value=follows_field)
        at = token.after
        found.append(token)
    found.append(Token("end", "", len(text), len(text)))
    return found


def _token(text: str, at: int, *, is_value: bool) -> Token:
    glued = _is_glued(text, at)
    first = text[at]
    if first == '"':
        phrase, after = _phrase(text, at)
        return Token("phrase", phrase, at, after, glued)
    if first == "(":
        return Token("open", first, at, at + 1, glued)
    if first == ")":
        return Token("close", first, at, at + 1, glued)
    if not is_value:
        if first == "-" and at + 1 < len(text) and not text[at + 1].isspace():
            return Token("minus", first, at, at + 1, glued)
        named = _field(text, at)
        if named is not None:
            name, after = named
            return Token("field", name, at, after, glued)
    word = _word(text, at)
    kind: Kind = "word" if is_value else _KEYWORDS.get(word, "word")
    return Token(kind, word, at, at + len(word), glued)


def _is_glued(text: str, at: int) -> bool:
    return at > 0 and not text[at - 1].isspace()


def _phrase(text: str, at: int) -> tuple[str, int]:
    r"""Read a quoted phrase; within it `\"` is a quote and `\\` a backslash."""
    made: list[str] = []
    position = at + 1
    while position < len(text):
        character = text[position]
        if character == '"':
            return "".join(made), position + 1
        if character == "\\" and text[position + 1 : position + 2] in ('"', "\\"):
            position += 1
            character = text[position]
        made.append(character)
        position += 1
    raise InvalidQuery(at, "unclosed_quote", "the quote is not closed")


def _field(text: str, at: int) -> tuple[str, int] | None:
    """Return the name before a colon, and where the value begins.

    After `extra.` it may have any characters but these; a path with one of them is quoted whole.
    """
    path_at = at + len(_EXTRA)
    is_extra = text[at:path_at].lower() == _EXTRA
    if is_extra and text[path_at : path_at + 1] == '"':
        path, after = _phrase(text, path_at)
        if text[after : after + 1] != ":":
            raise InvalidQuery(after, "missing_value", "a colon and a value belong to a path")
        return text[at:path_at] + path, after + 1
    for position in range(at, len(text)):
        character = text[position]
        if character == ":":
            name = text[at:position]
            return (name, position + 1) if name else None
        if is_extra and character == '"':
            raise InvalidQuery(position, "invalid_path", "quotes stand around the whole path")
        if character.isspace() or character in '()"':
            return None
        if not (is_extra or _is_name_character(character, is_first=position == at)):
            return None
    return None


def _is_name_character(character: str, *, is_first: bool) -> bool:
    if not character.isascii():
        return False
    return character.isalpha() or character == "_" or (not is_first and character in ".0123456789")


def _word(text: str, at: int) -> str:
    """Read up to a blank, or to a parenthesis that closes one before the word."""
    depth = 0
    for position in range(at, len(text)):
        character = text[position]
        if character.isspace():
            return text[at:position]
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth < 0:
                return text[at:position]
    return text[at:]
