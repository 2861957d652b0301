"""The oracle itself: each law is broken once by hand, and each has to be found."""

from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from tests.faults.journal import AckedLine, Journal
from tests.faults.oracle import (
    Allowance,
    Database,
    LedgerTotals,
    StoredRow,
    judge,
    judge_offsets,
)

ACKED, OPEN = UUID(int=1), UUID(int=2)
JOURNAL = Journal(
    {ACKED: [("a", "1"), ("b", "2"), ("fast", "")], OPEN: [("c", "3"), ("d", "4")]},
    {ACKED: AckedLine(ACKED, 0, 0)},
)


def row(token: str, content: str, number: int) -> StoredRow:
    return StoredRow("app_logs_1", UUID(int=number), token, content)


GOOD = Database(
    rows=[row("a", "1", 10), row("b", "2", 11)],
    slice_counts={"app_logs_1": (2, 21)},
    ledger=LedgerTotals(accepted=3, unknown=2, stored=2, aggregated_only=1),
)


def test_what_is_as_it_should_be_passes() -> None:
    assert judge(JOURNAL, GOOD, Allowance()) == []


def test_a_batch_without_an_answer_may_be_stored_whole() -> None:
    rows = [*GOOD.rows, row("c", "3", 12), row("d", "4", 13)]
    stored = replace(
        GOOD,
        rows=rows,
        slice_counts={"app_logs_1": (4, 46)},
        ledger=replace(GOOD.ledger, stored=4),
    )
    assert judge(JOURNAL, stored, Allowance()) == []


@pytest.mark.parametrize(
    ("rows", "law"),
    [
        ([row("a", "1", 10)], "acked but not stored: b"),
        ([*GOOD.rows, row("a", "1", 12)], "stored more than once: a"),
        ([*GOOD.rows, row("x", "9", 12)], "stored but never sent: x"),
        ([row("a", "1", 10), row("b", "other", 11)], "stored with another content: b"),
        ([row("a", "1", 10), row("b", "2", 10)], "row ids that are not unique"),
        ([*GOOD.rows, row("c", "3", 12)], "batches stored in part"),
    ],
)
def test_finds_what_is_wrong_with_rows(rows: list[StoredRow], law: str) -> None:
    problems = judge(JOURNAL, replace(GOOD, rows=rows), Allowance())
    assert any(law in problem for problem in problems)


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"app_logs_1": (3, 21)}, "counted (3, 21)"),
        ({"app_logs_1": (2, 22)}, "counted (2, 22)"),
        ({}, "counted None"),
        ({"app_logs_1": (2, 21), "gone": (1, 1)}, "real None"),
    ],
)
def test_finds_slices_counted_wrongly(counts: dict[str, tuple[int, int]], shown: str) -> None:
    (problem,) = judge(JOURNAL, replace(GOOD, slice_counts=counts), Allowance())
    assert shown in problem


def test_finds_slices_that_are_not_as_their_state_says() -> None:
    (problem,) = judge(JOURNAL, replace(GOOD, slice_flaws=["app_logs_1: no index"]), Allowance())
    assert "app_logs_1: no index" in problem


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"accepted": 4}, "only 3 have a fate"),
        ({"duplicate": 3}, "only 3 were accepted"),
        ({"stored": 1, "aggregated_only": 2}, "1 counted as stored"),
        ({"conflict": 1}, "1 conflicts"),
    ],
)
def test_finds_a_ledger_that_does_not_balance(change: dict[str, int], shown: str) -> None:
    ledger = replace(GOOD.ledger, **change)
    (problem,) = judge(JOURNAL, replace(GOOD, ledger=ledger), Allowance())
    assert shown in problem


def test_an_uncounted_boot_leaves_the_left_half_of_the_law_only() -> None:
    ledger = replace(GOOD.ledger, duplicate=40, uncounted_boots=1)
    assert judge(JOURNAL, replace(GOOD, ledger=ledger), Allowance()) == []


def test_finds_dead_letters_that_nobody_expected() -> None:
    letters = replace(GOOD, dead_letters=Counter({"22021": 2}))
    (problem,) = judge(JOURNAL, letters, Allowance())
    assert "2 dead letters instead of 0" in problem


def test_an_operators_deletion_is_allowed_for() -> None:
    lost = replace(
        GOOD, rows=[], slice_counts={}, ledger=LedgerTotals(accepted=3, stored=0, unknown=0)
    )
    assert judge(JOURNAL, lost, Allowance(lost_batches={ACKED})) == []


def test_offsets_have_to_be_the_ends() -> None:
    assert judge_offsets({0: 5, 1: 0}, {0: 5, 1: 0, 2: 0}) == []
    (problem,) = judge_offsets({0: 4}, {0: 5})
    assert "0: 4 of 5" in problem
