"""What `q=` means, and what it answers to a text that is no query."""

import pytest

from services.query.domain.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    Compared,
    Condition,
    Contains,
    HasKey,
    Holds,
    Not,
    OneOf,
    Present,
)
from services.query.domain.errors import InvalidQuery
from services.query.domain.query_language import MAX_DEPTH, MAX_TERMS, parse_query

A, B, C = Contains("a"), Contains("b"), Contains("c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ALWAYS),
        ("  ", ALWAYS),
        ("a", A),
        ("a b", AllOf((A, B))),
        ("a AND b", AllOf((A, B))),
        ("a OR b", AnyOf((A, B))),
        ("a b OR c", AnyOf((AllOf((A, B)), C))),
        ("a (b OR c)", AllOf((A, AnyOf((B, C))))),
        ("-a", Not(A)),
        ("NOT a b", AllOf((Not(A), B))),
        ("-(a OR b)", Not(AnyOf((A, B)))),
        ("or and not", AllOf((Contains("or"), Contains("and"), Contains("not")))),
        ('"OR"', Contains("OR")),
        ('"exact words"', Contains("exact words")),
        (r'"a \"quoted\" \\ C:\temp"', Contains(r'a "quoted" \ C:\temp')),
        ("- a", AllOf((Contains("-"), A))),
        ("pay() b", AllOf((Contains("pay()"), B))),
        ("(pay(x) OR b)", AnyOf((Contains("pay(x)"), B))),
        ("db-3.internal:5432", Contains("db-3.internal:5432")),
        ("12:30:45", Contains("12:30:45")),
        ("level:warn", OneOf("level", ("WARNING",))),
        ("LEVEL:fatal", OneOf("level", ("CRITICAL",))),
        ("level:>=error", OneOf("level", ("ERROR", "CRITICAL"))),
        ("level:<info", OneOf("level", ("DEBUG",))),
        ("level:(error OR warn)", OneOf("level", ("ERROR", "WARNING"))),
        ("module:(b a)", OneOf("module", ("a", "b"))),
        ("-module:auth", Not(OneOf("module", ("auth",)))),
        ("method:get", OneOf("request_method", ("GET",))),
        ("status:500", OneOf("status_code", (500,))),
        (
            "status:5xx",
            AllOf((Compared("status_code", ">=", 500), Compared("status_code", "<=", 599))),
        ),
        (
            "status:(404 OR >=500)",
            AnyOf((OneOf("status_code", (404,)), Compared("status_code", ">=", 500))),
        ),
        ("duration:>500", Compared("duration_ms", ">", 500)),
        ("duration:<=1.5s", Compared("duration_ms", "<=", 1500)),
        (
            "duration:1..2s",
            AllOf((Compared("duration_ms", ">=", 1000), Compared("duration_ms", "<=", 2000))),
        ),
        (
            "duration:500ms..0.5s",
            AllOf((Compared("duration_ms", ">=", 500), Compared("duration_ms", "<=", 500))),
        ),
        ("count:>1", Compared("count", ">", 1)),
        (
            "app:shop env:production",
            AllOf((OneOf("application", ("shop",)), OneOf("environment", ("production",)))),
        ),
        ("trace:abc", OneOf("trace_id", ("abc",))),
        ('path:"/a b"', OneOf("request_path", ("/a b",))),
        ('release:">2"', OneOf("release", (">2",))),
        ("source:-y", OneOf("source", ("-y",))),
        ("user:*", Present("user_id")),
        ('user:"*"', OneOf("user_id", ("*",))),
        ("extra.tenant:acme", Holds("tenant", ("acme",))),
        ("extra.cart.id:3", Holds("cart.id", ("3",))),
        ("EXTRA.Key-1:(x OR y)", Holds("Key-1", ("x", "y"))),
        ("extra.tenant:*", HasKey("tenant")),
        ('extra."a b":1', Holds("a b", ("1",))),
        ('-Extra."cart.a:(\\"b":(x OR y)', Not(Holds('cart.a:("b', ("x", "y")))),
        ('extra."a b":*', HasKey("a b")),
        ('module:extra."a', OneOf("module", ('extra."a',))),
        ('message:"a b"', Contains("a b")),
        ("msg:(a OR b)", AnyOf((A, B))),
    ],
)
def test_what_a_query_means(text: str, expected: Condition) -> None:
    assert parse_query(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("a modul:b", 2, "unknown_field"),
        ("http://x", 0, "unknown_field"),
        ("level:", 6, "missing_value"),
        ("level: error", 6, "missing_value"),
        ("level:loud", 6, "invalid_value"),
        ("status:abc", 7, "invalid_value"),
        ("status:>x", 7, "invalid_value"),
        ("status:500s", 7, "invalid_value"),
        ("duration:1h", 9, "invalid_value"),
        ("a duration:5..1", 11, "invalid_value"),
        ("duration:500..1s", 9, "invalid_value"),
        ("status:(404 503..500)", 12, "invalid_value"),
        ("status:99999999999", 7, "invalid_value"),
        ("a OR release:>2", 13, "not_comparable"),
        ("a OR", 4, "missing_term"),
        ("OR a", 0, "missing_term"),
        ("a OR OR b", 5, "missing_term"),
        ("-", None, ""),
        ("a AND", 5, "missing_term"),
        ("--x", 0, "double_negation"),
        ("x (a b", 2, "unclosed_group"),
        ("a b)", 3, "unopened_group"),
        ("a ()", 2, "empty_group"),
        ("module:()", 7, "empty_group"),
        ("module:(a", 7, "unclosed_group"),
        ("module:(a -b)", 10, "not_a_value"),
        ("module:(a OR)", 10, "missing_value"),
        ('a "b c', 2, "unclosed_quote"),
        ('a ""', 2, "empty_phrase"),
        ("extra.:x", 0, "invalid_path"),
        ("extra.a..b:x", 0, "invalid_path"),
        ('x extra."":1', 2, "invalid_path"),
        ('extra."a..b":1', 0, "invalid_path"),
        ('extra.a."b c":1', 8, "invalid_path"),
        ('x extra."a b:1', 8, "unclosed_quote"),
        ('extra."a b"', 11, "missing_value"),
        ('extra."a b" :1', 11, "missing_value"),
        ('extra."a b": 1', 12, "missing_value"),
        ("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), MAX_DEPTH, "too_deep"),
        ("a " * (MAX_TERMS + 1), 2 * MAX_TERMS, "too_many_terms"),
    ],
)
def test_what_is_no_query_is_told_with_its_place(
    text: str, position: int | None, problem: str
) -> None:
    if position is None:
        assert parse_query(text) == Contains(text)
        return
    with pytest.raises(InvalidQuery) as caught:
        parse_query(text)
    assert caught.value.extra == {"parameter": "q", "position": position, "problem": problem}
    assert f"at {position}" in str(caught.value)
