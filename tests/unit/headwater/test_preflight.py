"""Preflight: every lack comes with its fix."""

from dataclasses import replace
from pathlib import Path

import pytest

from headwater.preflight import GIGABYTE, Machine, find_lacks, inspect_machine

GOOD = Machine((3, 11), 10 * GIGABYTE, 4 * GIGABYTE, home_is_writable=True)


def test_a_good_machine_lacks_nothing(tmp_path: Path) -> None:
    assert find_lacks(GOOD, tmp_path) == []


@pytest.mark.parametrize(
    ("machine", "what"),
    [
        (replace(GOOD, python=(3, 10)), "Python 3.10"),
        (replace(GOOD, free_disk_bytes=GIGABYTE), "1.0 GB of disk"),
        (replace(GOOD, memory_bytes=GIGABYTE), "1.0 GB of memory"),
        (replace(GOOD, home_is_writable=False), "cannot be written"),
    ],
)
def test_each_lack_is_one_line_with_a_fix(machine: Machine, what: str, tmp_path: Path) -> None:
    (lack,) = find_lacks(machine, tmp_path)
    assert what in lack.what
    assert lack.fix
    assert "\n" not in lack.what + lack.fix


def test_a_home_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    machine = inspect_machine(tmp_path / "a" / "b")
    assert machine.home_is_writable
    assert machine.memory_bytes > 0
    assert not (tmp_path / "a").exists()
