"""The Python SDK answers the shared vectors as the gateway does, in time that grows no faster."""

from collections import Counter
from typing import Any

import pytest

from headwater_sdk import RedactOptions
from headwater_sdk.redaction import Redactor
from tests.unit.redaction.test_vectors import VECTORS

REDACTOR = Redactor()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["name"])
def test_the_vectors(vector: dict[str, Any]) -> None:
    hits: Counter[str] = Counter()
    assert REDACTOR.redact(vector["input"], hits) == vector["output"]
    assert hits == Counter(vector["hits"])
    assert REDACTOR.redact(vector["output"], Counter()) == vector["output"]


HOSTILE = (
    "4 ", "4-", "://a", "://a:", "password", "password=[", "password='", "pass......", "eyJ",
    "eyJa.", "bearer ", "Basic aaaa", "AB12 ", "--password ", "<token>", "<token", "ssn ", "aOTP",
    "cookie: a; ", '{"a":', "[", "\\", 'password="\\', "é", "\u200b", "-----BEGIN PRIVATE KEY-----",
    "authorization: digest ", "token_", "Tt", "=%3D",
)  # fmt: skip


@pytest.mark.timeout(30)  # each takes half a second; where one grew faster, it would be minutes
@pytest.mark.parametrize("piece", HOSTILE)
def test_64_kib_that_are_made_to_be_slow(piece: str) -> None:
    text = piece * (65_536 // len(piece))
    once = REDACTOR.redact({"message": text}, Counter())
    assert REDACTOR.redact(once, Counter()) == once


def test_names_and_patterns_of_the_application() -> None:
    options = RedactOptions(
        names=["employee number"], exempt=["public_token"], patterns=["EMP-[0-9]{6}"]
    )
    redacted = Redactor(options).redact(
        {"employeeNumber": "7", "public_token": "p", "note": "EMP-123456 left"}, Counter()
    )
    assert redacted == {
        "employeeNumber": "[REDACTED]",
        "public_token": "p",
        "note": "[REDACTED] left",
    }


def test_statements_hold_no_literals() -> None:
    statement = "SELECT * FROM t WHERE a = 'ann' -- bob"
    assert REDACTOR.redact_statement(statement) == "SELECT * FROM t WHERE a = ?  "
