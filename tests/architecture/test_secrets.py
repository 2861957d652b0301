"""Secrets show in no repr, and so in no log line or trace that holds their owner."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from headwater_sdk.options import Settings
from libs.common.db.accounts import NewSecret
from tests.architecture.tree import PACKAGES, python_files, relative

SECRET = re.compile(r"(^|_)(password|secret|token|ingest_key|dsn)$")


def shown_fields(path: Path) -> Iterator[str]:
    """Name the fields of a file's dataclasses that hold a secret and show it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ClassDef):
            continue
        if not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
            continue
        for one in node.body:
            if not (isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)):
                continue
            is_plain = ast.unparse(one.annotation).split(" | ")[0] in ("str", "bytes")
            is_hidden = one.value is not None and "repr=False" in ast.unparse(one.value)
            if is_plain and SECRET.search(one.target.id) and not is_hidden:
                yield f"{relative(path)}: {node.name}.{one.target.id}"


def test_no_dataclass_shows_a_secret() -> None:
    files = python_files(*PACKAGES)
    assert len(files) > 200
    assert [name for path in files for name in shown_fields(path)] == []


def test_secrets_under_other_names_are_hidden_too() -> None:
    told = f"{NewSecret('id', 'hw_id_secret')} {Settings('http://here', 'hw_id_secret')}"
    assert "http://here" in told
    assert "secret" not in told
