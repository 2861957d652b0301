"""An installation's own rules: read, checked at start, refused with the rule's name."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from libs.common.redaction import Redactor, load_rules
from libs.common.redaction.errors import RuleError


def write(folder: Path, document: object) -> Path:
    path = folder / "rules.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


def test_names_and_patterns_of_ones_own(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {
            "names": ["employee number", "badgeCode"],
            "exempt_names": ["public_token"],
            "patterns": [{"name": "employee_id", "pattern": "EMP-[0-9]{6}", "ignore_case": True}],
        },
    )
    redactor = Redactor(load_rules(path))
    hits: Counter[str] = Counter()
    event = {
        "employeeNumber": "17",
        "badge_code": "b-1",
        "public_token": "shown",
        "message": "asked by emp-123456 today",
        "password": "still built in",
    }
    assert redactor.redact(event, hits) == {
        "employeeNumber": "[REDACTED]",
        "badge_code": "[REDACTED]",
        "public_token": "shown",
        "message": "asked by [REDACTED] today",
        "password": "[REDACTED]",
    }
    assert hits == Counter({"name": 3, "employee_id": 1})


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("{", "rules.json"),
        ([], "one JSON object"),
        ({"pattern": []}, "unknown field 'pattern'"),
        ({"names": "token"}, "names"),
        ({"names": ["a" * 65]}, "is not a name"),
        ({"patterns": ["x"]}, "a pattern is an object"),
        ({"patterns": [{"name": "Bad Name", "pattern": "x"}]}, "is not a rule name"),
        ({"patterns": [{"name": "slow", "pattern": "(?:a*)*b"}]}, "slow"),
        ({"patterns": [{"name": "back", "pattern": r"(a)\1"}]}, "back"),
        ({"patterns": [{"name": "look", "pattern": "(?=a)b"}]}, "look"),
        ({"patterns": [{"name": "mark", "pattern": "REDACTED"}]}, "mark"),
        (
            {"patterns": [{"name": "twice", "pattern": "x1"}, {"name": "twice", "pattern": "x2"}]},
            "same name",
        ),
    ],
)
def test_rules_that_cannot_be_used(tmp_path: Path, document: Any, complaint: str) -> None:
    with pytest.raises(RuleError, match=complaint):
        load_rules(write(tmp_path, document))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"absent\.json"):
        load_rules(tmp_path / "absent.json")
