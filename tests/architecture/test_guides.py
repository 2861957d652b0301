"""What the guides say of refusals and settings is what the code has."""

import ast
import re
from collections.abc import Iterator

from headwater.settings import StackSettings
from libs.common.http.connections import STATUSES
from libs.common.settings import CommonSettings
from scripts.reference import settings_page
from services.ingest.domain.errors import IngestError, UnknownDsn
from tests.architecture.tree import ROOT, python_files

INGEST = (ROOT / "docs" / "guide" / "ingest.md").read_text("utf-8")
_FIELDS = re.compile(r"^(invalid|missing)_(?!event$)\w+$")


def reasons_in(tree: ast.AST) -> Iterator[str]:
    """Return the reasons by which a module rejects single events, those with a field's name too."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("Unmendable"), args=[ast.Constant(str(reason))]):
                yield reason
            case ast.Assign([ast.Subscript(value=kept)], ast.Constant(str(reason))):
                if ast.unparse(kept).rpartition(".")[2] == "rejected":
                    yield reason
            case ast.FunctionDef(name="invalid_field"):
                yield from _returned(node)


def _returned(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        match node:
            case ast.Assign([ast.Name("prefix")], ast.Constant(str(prefix))):
                yield f"{prefix}_field"
            case ast.Return(ast.Constant(str(reason))):
                yield reason
            case ast.Return(ast.IfExp(orelse=ast.Constant(str(reason)))):
                yield reason


def subclasses(of: type[IngestError]) -> Iterator[type[IngestError]]:
    for one in of.__subclasses__():
        yield one
        yield from subclasses(one)


def test_the_guide_names_every_reason_of_a_rejected_event() -> None:
    trees = [ast.parse(path.read_text()) for path in python_files("services/ingest/domain")]
    given = {_FIELDS.sub(r"\1_<field>", reason) for tree in trees for reason in reasons_in(tree)}
    told = INGEST.partition("**202**")[2].partition("Do not send those again")[0]

    assert set(re.findall(r"`([a-z_]+(?:<field>)?)`", told)) - {"rejected"} == given


def test_the_guide_names_every_refusal_with_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (`[^|]+) \|", INGEST, re.M)
    told = {(int(status), word) for status, row in rows for word in re.findall(r"`(\w+)`", row)}

    # a wrong DSN is told in guide/sentry.md: its answer has no reason in it
    given = {(one.status, one.reason) for one in subclasses(IngestError) if one is not UnknownDsn}
    of_connections = {(int(status), fault) for fault, status in STATUSES.items()}
    assert told == given | of_connections


def test_the_page_of_settings_has_all_that_a_class_reads() -> None:
    of_stack = settings_page().partition("local stack")[2].partition("\n## ")[0]
    shared = StackSettings.model_fields.keys() & CommonSettings.model_fields.keys()

    assert "database_url" in shared
    assert [name for name in shared if f"`HEADWATER_{name}`".upper() not in of_stack] == []
