"""The redaction engine of the SDK: one object, built once from rules."""

from collections import Counter

from headwater_sdk.redaction.fold import Fold
from headwater_sdk.redaction.names import NameTest
from headwater_sdk.redaction.rules import RedactOptions, load_rules
from headwater_sdk.redaction.sql import strip_sql_literals
from headwater_sdk.redaction.texts import TextRedactor
from headwater_sdk.redaction.walk import JsonValue, Walk


class Redactor:
    """Takes the secrets out of decoded values; pure, and without failure for what JSON can hold."""

    def __init__(self, options: RedactOptions | None = None) -> None:
        rules = load_rules(options)
        names = NameTest(rules.names, fold := Fold(rules.fold))
        self._walk = Walk(rules, names, TextRedactor(rules, names, fold))

    def redact(self, value: JsonValue, hits: Counter[str]) -> JsonValue:
        """Return a value without secrets, the same object if it holds none; `hits` counts them."""
        return self._walk.value(value, hits)

    def redact_statement(self, statement: str) -> str:
        """Return an SQL statement with `?` for each literal."""
        return strip_sql_literals(statement)
