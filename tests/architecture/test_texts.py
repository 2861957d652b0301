"""What must not stand in any file: machine paths, registry addresses, unfinished work."""

import re

import pytest

from tests.architecture.tree import ROOT, relative, text_files

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-setup.lock")
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:home|root|Users|work)/[\w.]"),
    "unfinished work": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"),
    "a registry's address": re.compile(
        r"--(?:extra-)?index-" r"url\s*[=\s]\s*http|\"resolved\":\s*\"\w+:"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE " r"KEY-----\n[A-Za-z0-9+/=\n]{60}"),
}
NOT_TEXT = {".png", ".ico", ".woff2", ".parquet", ".jar"}
LARGEST_FILE_BYTES = 500_000


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_file_holds(kind: str) -> None:
    found = [
        f"{relative(path)}: {match[0]!r}"
        for path in text_files()
        if path.suffix not in NOT_TEXT
        for match in FORBIDDEN[kind].finditer(path.read_text())
    ]

    assert found == []


def test_no_large_files() -> None:
    large = [relative(p) for p in text_files() if p.stat().st_size > LARGEST_FILE_BYTES]

    assert large == []


def locked(name: str) -> dict[str, set[str]]:
    """Return the versions by distribution; several where they differ by Python or system."""
    found: dict[str, set[str]] = {}
    for match in re.finditer(
        r"^([a-z0-9-]+)(?:\[[^]]*])?==([^ ;\\]+)", (ROOT / name).read_text(), re.M
    ):
        found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())

    assert "://" not in text
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_tests_run_with_the_versions_of_production() -> None:
    runtime, everything = locked("requirements.lock"), locked("requirements-dev.lock")

    assert {name: everything.get(name) for name in runtime} == runtime


def test_every_declared_dependency_is_locked() -> None:
    declared = (ROOT / "pyproject.toml").read_text().partition("[dependency-groups]")[0]
    names = re.findall(r'^  "([A-Za-z0-9_-]+)', declared, re.M)

    assert {name.lower().replace("_", "-") for name in names} <= set(locked("requirements.lock"))
