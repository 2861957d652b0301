"""Takes the values of statements out of what SQLAlchemy and database drivers say."""

import re

_PARAMETERS = "[parameters: "
_BACKGROUND = "\n(Background on this error"
_CUT = "[parameters cut]"
_DRIVERS = frozenset(
    {
        "MySQLdb",
        "aiomysql",
        "aiosqlite",
        "asyncmy",
        "asyncpg",
        "cx_Oracle",
        "mysql",
        "oracledb",
        "psycopg",
        "psycopg2",
        "pymssql",
        "pymysql",
        "pyodbc",
        "sqlalchemy",
        "sqlite3",
    }
)
_ENGINE_LOGGER = "sqlalchemy.engine"
_QUOTED = re.compile(
    r"""
    (?P<before>Duplicate\ entry\ |\bargument\ \$[0-9]+:\ )(?:'.*'(?=\ for\ key)|.*)
      | (?<!\w)(?<![0-9],\ )'.*?(?:'(?!\w)|$)  # not that of a code, which quotes the whole message
      | (?<=:\ )".*"  # PostgreSQL quotes names so too, but not behind a colon
    """,
    re.VERBOSE,
)
_ANYTHING = "'…'"


def cut_parameters(text: str) -> str:
    """Return a text without the parameters that SQLAlchemy's errors print, in one pass."""
    start = text.find(_PARAMETERS)
    if start < 0:
        return text
    pieces: list[str] = []
    position = 0
    while start >= 0:
        pieces += (text[position:start], _CUT)
        # Where the mark of their end is missing, nobody can tell where they end.
        end = text.find(_BACKGROUND, start)
        position = end if end >= 0 else len(text)
        start = text.find(_PARAMETERS, position)
    return "".join(pieces) + text[position:]


def first_line(text: str) -> str:
    """Return the first line of what a database says, `'…'` for what it quotes; more quotes rows."""
    return _QUOTED.sub(_hidden, text.partition("\n")[0])


def is_from_database(error: BaseException) -> bool:
    """Say whether an exception is of a driver, or of SQLAlchemy for a statement."""
    return any(map(_is_of_driver, type(error).__mro__)) or hasattr(error, "statement")


def holds_rows(logger: str, message: object) -> bool:
    """Say whether a record is one of those with which an engine prints parameters and rows."""
    return logger.startswith(_ENGINE_LOGGER) and isinstance(message, str) and "%r" in message


def _is_of_driver(kind: type) -> bool:
    return str(kind.__module__).partition(".")[0] in _DRIVERS


def _hidden(match: re.Match[str]) -> str:
    return f"{match['before'] or ''}{_ANYTHING}"
