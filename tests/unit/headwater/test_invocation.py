"""The command that people are told to type is one that works where they are."""

import sys
from pathlib import Path

import pytest

from headwater.invocation import own_command


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "checkout" / ".venv" / "bin" / "headwater"
    made.parent.mkdir(parents=True)
    made.write_text("#!/bin/sh\n")
    made.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(made), "status"])
    monkeypatch.setenv("PATH", "/nowhere")
    return made


def test_outside_of_the_path_it_is_the_file(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "checkout")
    assert own_command() == ".venv/bin/headwater"
    monkeypatch.chdir("/")
    assert own_command() == str(program).lstrip("/")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert own_command() == str(program)


def test_within_the_path_its_name_does(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert own_command() == "headwater"


def test_another_one_within_the_path_does_not(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "headwater"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_command().endswith(".venv/bin/headwater")


def test_a_module_is_called_by_python(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/a/checkout/headwater/__main__.py"])
    assert own_command() == f"{sys.executable} -m headwater"
