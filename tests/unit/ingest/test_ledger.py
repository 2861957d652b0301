"""Counting what came, hour by hour."""

from collections import Counter
from datetime import timedelta

from services.ingest.domain.ledger import Ledger, Tally
from tests.unit.ingest.making import NOW

HOUR = NOW.replace(minute=0, second=0, microsecond=0)


def test_counts_add_up_by_key_and_hour() -> None:
    ledger = Ledger()
    ledger.book("a", NOW, Tally(5, 3, 0, Counter(invalid_level=2)))
    ledger.book("a", NOW + timedelta(minutes=1), Tally(2, 0, 2))
    ledger.book("b", NOW, Tally(1, 1))
    ledger.book("a", NOW + timedelta(hours=1), Tally(1, 1))
    assert ledger.changed() == {
        ("a", HOUR): Tally(7, 3, 2, Counter(invalid_level=2)),
        ("b", HOUR): Tally(1, 1),
        ("a", HOUR + timedelta(hours=1)): Tally(1, 1),
    }


def test_only_changes_are_written_and_what_failed_comes_again() -> None:
    ledger = Ledger()
    ledger.book("a", NOW, Tally(1, 1))
    written = ledger.changed()
    assert ledger.changed() == {}
    ledger.unwrite(written)
    assert ledger.changed() == {("a", HOUR): Tally(1, 1)}


def test_what_is_booked_during_a_write_is_written_next() -> None:
    ledger = Ledger()
    ledger.book("a", NOW, Tally(1, 1))
    ledger.changed()
    ledger.book("a", NOW, Tally(2, 2))
    assert ledger.changed() == {("a", HOUR): Tally(3, 3)}


def test_past_hours_are_forgotten_once_written() -> None:
    ledger = Ledger()
    ledger.book("a", NOW, Tally(1, 1))
    ledger.forget_before(HOUR + timedelta(hours=1))
    assert ledger.changed() == {("a", HOUR): Tally(1, 1)}
    ledger.forget_before(HOUR + timedelta(hours=1))
    ledger.book("a", NOW, Tally(1, 1))
    assert ledger.changed() == {("a", HOUR): Tally(1, 1)}
