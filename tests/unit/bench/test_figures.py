"""The bench's verdicts, its results on disk, and the table in the documentation."""

import re
from pathlib import Path

import pytest

from bench.__main__ import ROWS
from bench.figures import Figure, as_table
from bench.report import Result, compose, keep

_DOCUMENT = Path(__file__).parents[3] / "docs" / "performance.md"


def _ratio(value: float) -> Figure:
    return Figure("writer", "of bare COPY", value, "of it", 0.7, 0.8)


def _cost(value: float) -> Figure:
    return Figure("path", "CPU", value, "us", 60, 40, more_is_better=False)


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (_ratio(0.69), "short"),
        (_ratio(0.7), "must"),
        (_ratio(0.8), "goal"),
        (_cost(60.1), "short"),
        (_cost(60), "must"),
        (_cost(40), "goal"),
        (Figure("path, eager indexes", "stored", 1, "events/s"), ""),
        (Figure("start", "ready", 12, "s", 20, more_is_better=False), "must"),
    ],
)
def test_verdict_follows_what_was_set(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


def test_a_row_measured_again_replaces_the_one_before(tmp_path: Path) -> None:
    for value in (0.5, 0.9):
        keep(tmp_path, Result("writer", "2026-11-24", "a machine", "3 rounds", [_ratio(value)]))
    keep(tmp_path, Result("path", "2026-11-23", "a machine", "5 rounds", [_cost(50)]))
    table = compose(tmp_path, ["path", "writer"])
    assert table.count("a machine") == 1
    assert as_table([_cost(50), _ratio(0.9)]) in table
    assert "0.5" not in table.replace("5 rounds", "")
    assert (tmp_path / "table.md").read_text("utf-8").rstrip() == table.rstrip()


def test_the_documentation_names_every_row() -> None:
    sections = re.findall(r"^\| `([a-z0-9-]+)` \|", _DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert sorted(set(sections)) == sorted(ROWS)
