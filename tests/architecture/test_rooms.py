"""A service has the rooms of the closed list and no others; modules say by name what they hold."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, python_files, relative, service_folders

NEEDED_FILES = {"__init__.py", "__main__.py", "app.py", "settings.py"}
ROOM_FILES = NEEDED_FILES | {"consumer.py", "publisher.py"}
ROOM_FOLDERS = {"api", "store", "channels", "jobs", "domain"}
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "misc", "base", "manager", "service", "core"}
MAIN_LIMIT = 30
OPENING_LIMIT = 25
OPENING_PARTS = (r"^(takes )?in:", r"^(gives )?out:", r"^promises:")


@pytest.fixture(params=service_folders(), ids=lambda folder: str(folder.name))
def service(request: pytest.FixtureRequest) -> Path:
    """The folder of each service in turn."""
    folder: Path = request.param
    return folder


def test_rooms_are_those_of_the_closed_list(service: Path) -> None:
    entries = [entry for entry in service.iterdir() if entry.name != "__pycache__"]
    files = {entry.name for entry in entries if entry.is_file()}
    folders = {entry.name for entry in entries if entry.is_dir()}

    assert files <= ROOM_FILES
    assert folders <= ROOM_FOLDERS
    assert NEEDED_FILES - files == set()


def test_service_says_what_it_takes_gives_and_promises(service: Path) -> None:
    text = (service / "__init__.py").read_text()
    docstring = (ast.get_docstring(ast.parse(text)) or "").lower()

    assert len(text.splitlines()) <= OPENING_LIMIT
    assert [part for part in OPENING_PARTS if not re.search(part, docstring, re.M)] == []


def test_main_only_reads_settings_and_runs(service: Path) -> None:
    assert len((service / "__main__.py").read_text().splitlines()) <= MAIN_LIMIT


def test_domain_has_its_errors_in_one_place(service: Path) -> None:
    elsewhere = [
        f"{relative(path)}: {node.name}"
        for path in python_files(f"services/{service.name}")
        if path != service / "domain" / "errors.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(parent, ast.Name) and parent.id == "HeadwaterError" for parent in node.bases
        )
    ]

    assert elsewhere == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    named_so = [
        relative(path)
        for path in python_files(*PACKAGES, "tests", "bench", "scripts")
        if path.stem in EMPTY_NAMES or path.parent.name in EMPTY_NAMES
    ]

    assert named_so == []


def test_every_folder_of_the_product_is_a_package() -> None:
    folders = {path.parent for path in python_files(*PACKAGES)}

    assert [relative(f) for f in folders if not (f / "__init__.py").exists()] == []


def test_nothing_but_settings_reads_the_environment() -> None:
    readers = {
        relative(path)
        for path in python_files(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }

    assert all(Path(reader).name == "settings.py" for reader in readers), readers
