"""Reads the rule file that the gateway works by, and the application's own names and patterns."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from headwater_sdk.redaction import checks
from headwater_sdk.redaction.names import NameRules

_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_RAW_SEPARATOR = "[^A-Za-z0-9]{0,6}"


@dataclass(frozen=True)
class RedactOptions:
    """What an application adds to the rules."""

    names: Sequence[str] = ()
    """Names whose values are secret too: `employee number`."""
    exempt: Sequence[str] = ()
    """Names whose values are none, whatever the rules say."""
    patterns: Sequence[str] = ()
    """All that these match is replaced; keep to patterns that take linear time."""


@dataclass(frozen=True)
class PatternRule:
    """A pattern, matched where a candidate was found, and the check of its match."""

    name: str
    pattern: str
    flags: int
    check: checks.Check


@dataclass(frozen=True)
class CustomRule:
    """A pattern of the application; all that it matches is replaced."""

    name: str
    re2_pattern: str


@dataclass(frozen=True)
class Rules:
    """All that a `Redactor` works by; immutable, built by `load_rules`."""

    replacement: str
    names: NameRules
    patterns: tuple[PatternRule, ...]
    name_tail: str
    sign: str
    candidates: str
    fold: Mapping[str, list[list[str]]]
    digits: checks.DigitCheck
    custom: tuple[CustomRule, ...] = field(default=())


def load_rules(options: RedactOptions | None = None) -> Rules:
    """Return the rules; raises re.error for a pattern of the application that is none."""
    options = options or RedactOptions()
    source = json.loads(files(__package__).joinpath("rules.json").read_text("utf-8"))
    names = source["names"]
    words = [*names["words"], *map(_word, options.names)]
    short = _alternation(names["short_words"], "")
    digits = checks.DigitCheck(
        [
            checks.CardRange(one["first"], one["last"], frozenset(one["lengths"]))
            for one in source["cards"]
        ]
    )
    known = _checks(source, digits)
    candidates = [
        pattern.replace("{words}", _alternation(words, _RAW_SEPARATOR)).replace(
            "{short_words}", short
        )
        for pattern in source["candidates"]
    ]
    return Rules(
        replacement=source["replacement"],
        names=NameRules(
            words=_alternation(words, source["separator"]),
            short_words=short,
            mark=source["replacement"],
            exempt=frozenset(_NOT_PLAIN.sub("", name.lower()) for name in options.exempt),
            **{
                key: frozenset(names[key])
                for key in ("run_on", "descriptors", "scalar_descriptors", "scalar_heads")
            },
        ),
        patterns=tuple(_pattern(one, known) for one in source["patterns"]),
        name_tail=source["name_tail"],
        sign=source["sign"],
        candidates="|".join(f"(?:{one})" for one in candidates),
        fold=source["fold"],
        digits=digits,
        custom=tuple(CustomRule("custom", f"(?:{one})") for one in options.patterns),
    )


def _pattern(source: Mapping[str, Any], known: Mapping[str, checks.Check]) -> PatternRule:
    flags = re.ASCII | (re.IGNORECASE if source.get("ignore_case") else 0)
    return PatternRule(source["name"], source["pattern"], flags, known[source["check"]])


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


def _alternation(words: Sequence[str], separator: str) -> str:
    # Longest first: Python takes the first branch that matches.
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    return "|".join(word.replace("_", separator) for word in ordered)


def _word(name: str) -> str:
    return "_".join(_PIECE.findall(name)).lower()
