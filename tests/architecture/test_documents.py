"""What the documents say is there, is there; what is made from code is up to date."""

import re
from pathlib import Path

import pytest

from scripts.reference import pages
from scripts.sdk_redaction import outdated
from tests.architecture.tree import NOT_OURS, ROOT, relative

DOCUMENTS = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "bench").rglob("*.md"),
    )
    if not NOT_OURS & set(path.parts)
)
_TICKED = re.compile(r"`([A-Za-z0-9_.\-]+(?:/[A-Za-z0-9_.\-]+)+/?)`")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_file_that_is_named_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    named = {name for name in _TICKED.findall(text) if name.split("/")[0] in _FOLDERS}
    missing = sorted(name for name in named if not (ROOT / name).exists())
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = [link for link in _LINK.findall(document.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_walk_names_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = [
        relative(folder)
        for service in (ROOT / "services").iterdir()
        if service.is_dir()
        for folder in service.iterdir()
        if (folder / "__init__.py").exists()
    ]
    assert [room for room in rooms if room not in text] == []


@pytest.mark.parametrize(("path", "text"), list(pages()), ids=lambda one: getattr(one, "name", ""))
def test_reference_pages_are_current(path: Path, text: str) -> None:
    assert path.read_text("utf-8") == text, "run `make reference`"


def test_the_python_sdk_redacts_by_the_current_rules_and_code() -> None:
    assert outdated() == [], "run .venv/bin/python -m scripts.sdk_redaction"
