"""SQL without its literals."""

import pytest

from libs.common.redaction import strip_sql_literals


@pytest.mark.parametrize(
    ("statement", "stripped"),
    [
        ("SELECT 1", "SELECT ?"),
        ("SELECT * FROM t WHERE name = 'O''Brien'", "SELECT * FROM t WHERE name = ?"),
        (r"SELECT E'it\'s' , x", "SELECT ? , x"),
        ("SELECT $tag$ it's $x$ $tag$ , y", "SELECT ? , y"),
        ('SELECT "user id", t1.c2 FROM t1', 'SELECT "user id", t1.c2 FROM t1'),
        ("WHERE a = $1 AND b = :name AND c = 1.5e-3", "WHERE a = $1 AND b = :name AND c = ?"),
        ("SELECT x -- password 'abc'\nFROM y", "SELECT x  \nFROM y"),
        ("SELECT /* a /* nested */ secret */ x", "SELECT   x"),
        ("SELECT 'never closed", "SELECT ?"),
        ("SELECT /* never closed", "SELECT  "),
        ("VALUES (0xFF, -3, .5)", "VALUES (?, -?, ?)"),
        ("", ""),
    ],
)
def test_literals_go_and_the_shape_stays(statement: str, stripped: str) -> None:
    assert strip_sql_literals(statement) == stripped
