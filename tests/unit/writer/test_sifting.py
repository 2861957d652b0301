"""First copies are stored, others counted; letters move in the ledger."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from libs.common.events.records import BatchHeader, Row
from services.writer.domain.arrivals import Arrival, Skipped, Undecodable
from services.writer.domain.sifting import sift

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def arrival(
    batch_id: UUID | None = None,
    hmac: bytes = b"h",
    application: str = "shop",
    letter_id: UUID | None = None,
    row_count: int = 2,
) -> Arrival:
    header = BatchHeader(
        application, batch_id or uuid4(), "key1", NOON, hmac, None, letter_id, "writer"
    )
    rows: list[Row] = [(NOON, UUID(int=number)) for number in range(row_count)]
    return Arrival(1, 7, NOON, header, (rows, [], []), 3, NOON, NOON, (1, 0, 0))


def test_new_batches_are_kept_and_counted_by_hour() -> None:
    sifted = sift([arrival(), arrival()], {})
    assert len(sifted.new) == 2
    [(place, tally)] = sifted.ledger.tallies.items()
    assert place == ("key1", NOON.replace(minute=0), 1)
    assert (tally.stored, tally.aggregated_only, tally.duplicate) == (4, 6, 0)


def test_a_copy_counts_all_its_events_as_duplicates() -> None:
    batch_id = uuid4()
    sifted = sift([arrival(batch_id), arrival(batch_id)], {})
    assert len(sifted.new) == 1
    total = sifted.ledger.total()
    assert (total.stored, total.duplicate, total.conflict) == (2, 5, 0)


def test_a_stored_identity_with_another_body_is_a_conflict() -> None:
    batch_id = uuid4()
    sifted = sift([arrival(batch_id, b"other")], {("shop", batch_id): b"h"})
    assert not sifted.new
    assert (sifted.ledger.total().duplicate, sifted.ledger.total().conflict) == (5, 5)


def test_the_same_id_of_another_application_is_another_batch() -> None:
    batch_id = uuid4()
    sifted = sift([arrival(batch_id), arrival(batch_id, application="blog")], {})
    assert len(sifted.new) == 2


def test_a_letter_moves_its_event_and_its_copy_changes_nothing() -> None:
    batch_id, letter_id = uuid4(), uuid4()
    letters = [arrival(batch_id, b"", letter_id=letter_id) for _ in range(2)]
    sifted = sift(letters, {})
    assert sifted.new == letters[:1]
    total = sifted.ledger.total()
    assert (total.stored, total.aggregated_only, total.dead_lettered) == (2, 3, -5)
    assert total.duplicate == 0


def test_letters_for_others_are_skipped_and_unreadable_records_set_aside() -> None:
    unreadable = Undecodable(0, 1, NOON, "why", b"\x07")
    sifted = sift([Skipped(0, 0), unreadable], {})
    assert sifted.undecodable == [unreadable]
    assert not sifted.new
    assert not sifted.ledger.tallies
