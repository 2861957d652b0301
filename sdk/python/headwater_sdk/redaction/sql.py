# Made by scripts/sdk_redaction.py from libs/common/redaction/sql.py.
"""Takes the values out of SQL statements; what is left groups by shape and holds no data."""

import re

# One alternation, scanned once from left to right; every quantifier is over a single class, so each
# character is taken once. A dollar quote needs its own tag back, so only its opening stands here.
_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\r\n]*|/\*)
  | (?P<name>"[^"]*"?|`[^`]*`?|\[[A-Za-z_][A-Za-z0-9_ ]*\])
  | (?P<escaped>[eE]'[^'\\]*(?:\\.[^'\\]*|''[^'\\]*)*'?)
  | (?P<text>(?:[nNbBxX]|[uU]&)?'[^']*(?:''[^']*)*'?)
  | (?P<dollar>\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$)
  | (?P<word>[A-Za-z_][A-Za-z0-9_$]*|[$:@][A-Za-z0-9_]+|::)
  | (?P<number>0[xX][0-9A-Fa-f]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+\-]?[0-9]+)?)
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_KEPT = frozenset({"name", "word"})


def strip_sql_literals(statement: str) -> str:
    """Return the statement with `?` for every literal and without comments, which hold values too.

    Names, quoted names and placeholders stay. Never fails: an unclosed quote takes the rest.
    """
    pieces: list[str] = []
    position = 0
    while True:
        match = _TOKEN.search(statement, position)
        if match is None:
            pieces.append(statement[position:])
            return "".join(pieces)
        kind = match.lastgroup
        start, end = match.span()
        pieces.append(statement[position:start])
        if kind in _KEPT:
            pieces.append(match.group())
        elif kind == "comment":
            end = _comment_end(statement, start, end)
            pieces.append(" ")
        else:
            if kind == "dollar":
                close = statement.find(match.group(), end)
                end = len(statement) if close < 0 else close + end - start
            pieces.append("?")
        position = end


def _comment_end(statement: str, start: int, end: int) -> int:
    """Return where a comment ends; block comments nest in PostgreSQL."""
    if statement[start] == "-":
        return end
    depth = 1
    for match in re.finditer(r"/\*|\*/", statement[end:]):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return end + match.end()
    return len(statement)
