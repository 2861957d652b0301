"""Reads redaction rules: the built-in file, and the caller's own on top of it.

The file holds words and patterns only, in the subset that RE2, Python and JavaScript read alike,
so that the gateway, both SDKs and the console's tester work from the same text. Every pattern is
proven linear when it is read (`linear`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from libs.common.redaction import checks
from libs.common.redaction.errors import RuleError
from libs.common.redaction.linear import check_linear
from libs.common.redaction.names import NameRules

MAX_CUSTOM_COUNT = 200
MAX_CUSTOM_FILE_BYTES = 1 << 20

_RULE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-. ]{1,63}")
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_RAW_SEPARATOR = "[^A-Za-z0-9]{0,6}"


@dataclass(frozen=True)
class PatternRule:
    """A built-in pattern, matched where a candidate was found, and the check of its match."""

    name: str
    pattern: str
    flags: int
    check: checks.Check


@dataclass(frozen=True)
class CustomRule:
    """A pattern of the installation; all that it matches is replaced."""

    name: str
    re2_pattern: str
    raw_pattern: str


@dataclass(frozen=True)
class Rules:
    """All that a `Redactor` works by; immutable, built by `load_rules`."""

    replacement: str
    names: NameRules
    patterns: tuple[PatternRule, ...]
    name_tail: str
    sign: str
    candidates: str
    prefilter: str
    fold: Mapping[str, list[list[str]]]
    digits: checks.DigitCheck
    custom: tuple[CustomRule, ...] = field(default=())


@dataclass(frozen=True)
class _Custom:
    names: list[str]
    exempt: frozenset[str]
    patterns: tuple[CustomRule, ...]


def load_rules(custom_file: Path | None = None) -> Rules:
    """Read the built-in rules and, when a file is given, the installation's own names and patterns.

    The file is JSON: `{"names": ["employee number"], "exempt_names": ["public_token"],
    "patterns": [{"name": "employee_id", "pattern": "EMP-[0-9]{6}", "ignore_case": true}]}`.
    Raises `RuleError` for a file that cannot be used, naming the rule.
    """
    source = json.loads(files(__package__).joinpath("rules.json").read_text("utf-8"))
    custom = _read_custom(custom_file) if custom_file else _Custom([], frozenset(), ())
    rules = _built_in(source, custom)
    for rule in rules.custom:
        if re.search(rule.re2_pattern, rules.replacement, re.ASCII):
            raise RuleError(
                f"pattern {rule.name!r} matches {rules.replacement!r}, the mark of a redaction"
            )
    return rules


def _built_in(source: Mapping[str, Any], custom: _Custom) -> Rules:
    names = source["names"]
    words = [*names["words"], *custom.names]
    text_words = _alternation(words, source["separator"])
    short = _alternation(names["short_words"], "")
    assignment = f"(?:{text_words}|{short}){source['name_tail']}{source['sign']}"
    check_linear(assignment, ignore_case=True)
    digits = checks.DigitCheck(
        [
            checks.CardRange(one["first"], one["last"], frozenset(one["lengths"]))
            for one in source["cards"]
        ]
    )
    known = _checks(source, digits)
    patterns = []
    for one in source["patterns"]:
        check_linear(one["pattern"], ignore_case=one.get("ignore_case", False))
        flags = re.ASCII | (re.IGNORECASE if one.get("ignore_case") else 0)
        patterns.append(PatternRule(one["name"], one["pattern"], flags, known[one["check"]]))
    filled = [
        pattern.replace("{words}", _alternation(words, _RAW_SEPARATOR)).replace(
            "{short_words}", short
        )
        for pattern in source["candidates"]
    ]
    raw = [*filled, *source["raw_candidates"], *(one.raw_pattern for one in custom.patterns)]
    return Rules(
        replacement=source["replacement"],
        names=NameRules(
            words=text_words,
            short_words=short,
            mark=source["replacement"],
            exempt=custom.exempt,
            **{
                key: frozenset(names[key])
                for key in ("run_on", "descriptors", "scalar_descriptors", "scalar_heads")
            },
        ),
        patterns=tuple(patterns),
        name_tail=source["name_tail"],
        sign=source["sign"],
        candidates="|".join(f"(?:{one})" for one in filled),
        prefilter="|".join(f"(?:{one})" for one in raw),
        fold=source["fold"],
        digits=digits,
        custom=custom.patterns,
    )


def _checks(source: Mapping[str, Any], digits: checks.DigitCheck) -> dict[str, checks.Check]:
    return {
        "jwt": checks.check_jwt,
        "bearer": checks.check_bearer,
        "basic": checks.check_basic,
        "private_key": checks.check_private_key,
        "url_credentials": checks.check_url_credentials,
        "digits": digits,
        "ssn_context": checks.check_ssn_context,
        "iban": checks.IbanCheck(source["iban_lengths"]),
    }


def _alternation(words: list[str], separator: str) -> str:
    # Longest first: Python and JavaScript take the first branch that matches.
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    return "|".join(word.replace("_", separator) for word in ordered)


def _read_custom(path: Path) -> _Custom:
    try:
        if path.stat().st_size > MAX_CUSTOM_FILE_BYTES:
            raise RuleError(f"{path.name}: larger than {MAX_CUSTOM_FILE_BYTES} bytes")
        source = json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as problem:
        raise RuleError(f"{path.name}: {problem}") from problem
    if not isinstance(source, dict):
        raise RuleError(f"{path.name}: the file holds one JSON object")
    unknown = sorted(source.keys() - {"names", "exempt_names", "patterns"})
    if unknown:
        raise RuleError(f"{path.name}: unknown field {unknown[0]!r}")
    names = [_word(name) for name in _strings(source, "names")]
    exempt = frozenset(
        _NOT_PLAIN.sub("", name.lower()) for name in _strings(source, "exempt_names")
    )
    patterns = _list(source, "patterns")
    rules = tuple(_custom_rule(one) for one in patterns)
    if len({rule.name for rule in rules}) != len(rules):
        raise RuleError("two patterns have the same name")
    return _Custom(names, exempt, rules)


def _list(source: Mapping[str, Any], field_name: str) -> list[Any]:
    value = source.get(field_name, [])
    if not isinstance(value, list) or len(value) > MAX_CUSTOM_COUNT:
        raise RuleError(f"{field_name}: a list of at most {MAX_CUSTOM_COUNT}")
    return value


def _strings(source: Mapping[str, Any], field_name: str) -> list[str]:
    values = _list(source, field_name)
    for value in values:
        if not isinstance(value, str) or not _KEY_NAME.fullmatch(value):
            raise RuleError(
                f"{field_name}: {value!r} is not a name of 2 to 64 letters, digits, _ - . or blanks"
            )
    return values


def _word(name: str) -> str:
    """Return the form of the rule file: lower case, `_` where the parts of the name meet."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    return "_".join(parts).lower()


def _custom_rule(source: Any) -> CustomRule:
    if not isinstance(source, dict) or source.keys() - {"name", "pattern", "ignore_case"}:
        raise RuleError(
            f"a pattern is an object with name, pattern and ignore_case, not {source!r}"
        )
    name, pattern, ignore_case = (
        source.get("name"),
        source.get("pattern"),
        source.get("ignore_case", False),
    )
    if not isinstance(name, str) or not _RULE_NAME.fullmatch(name):
        raise RuleError(f"{name!r} is not a rule name: lower-case letters, digits and _")
    if not isinstance(pattern, str) or not isinstance(ignore_case, bool):
        raise RuleError(f"pattern {name!r}: pattern is a text and ignore_case true or false")
    try:
        raw = check_linear(pattern, ignore_case=ignore_case)
    except RuleError as problem:
        raise RuleError(f"{name}: {problem}") from problem
    flag = "(?i:" if ignore_case else "(?:"
    return CustomRule(name, f"{flag}{pattern})", raw)
