"""Laws of row ids: an id alone finds its slice, attempts agree, the checksum knows no order."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from libs.common.ids import (
    batch_key,
    checksum,
    entropy_of,
    id_milliseconds,
    id_moment,
    milliseconds,
    new_uuid7,
    position_entropy,
    uuid7,
)
from libs.common.topics import partition_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
SLICE_WIDTHS = (
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
)
moments = st.datetimes(
    datetime(1970, 1, 1), datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(UTC)
)
entropies = st.binary(min_size=10, max_size=16)
ids = st.builds(UUID, int=st.integers(0, 2**128 - 1))


def slice_start(moment: datetime, width: timedelta) -> datetime:
    return EPOCH + (moment - EPOCH) // width * width


@given(moments, entropies, st.sampled_from(SLICE_WIDTHS))
def test_an_id_alone_finds_the_slice_of_its_row(
    created_at: datetime, entropy: bytes, width: timedelta
) -> None:
    row_id = uuid7(milliseconds(created_at), entropy)

    assert slice_start(id_moment(row_id), width) == slice_start(created_at, width)


@given(moments, entropies)
def test_an_id_is_a_uuid7_that_holds_its_millisecond(created_at: datetime, entropy: bytes) -> None:
    row_id = uuid7(milliseconds(created_at), entropy)

    assert (row_id.version, row_id.variant) == (7, RFC_4122)
    assert id_milliseconds(row_id) == milliseconds(created_at)
    assert id_moment(row_id) <= created_at < id_moment(row_id) + MILLISECOND


@given(moments, moments, entropies, entropies)
def test_ids_sort_as_their_milliseconds(
    first: datetime, second: datetime, one: bytes, other: bytes
) -> None:
    earlier, later = sorted([milliseconds(first), milliseconds(second)])

    if earlier < later:
        assert uuid7(earlier, one).bytes < uuid7(later, other).bytes


@given(moments)
def test_fresh_ids_differ(moment: datetime) -> None:
    assert new_uuid7(moment) != new_uuid7(moment)


@given(st.binary(max_size=40), st.integers(1, 50), st.integers(0, 50))
def test_entropy_of_a_position_does_not_depend_on_the_number_of_events(
    identity: bytes, count: int, more: int
) -> None:
    few, many = position_entropy(identity, count), position_entropy(identity, count + more)

    assert [entropy_of(few, position) for position in range(count)] == [
        entropy_of(many, position) for position in range(count)
    ]


@given(st.binary(max_size=40), moments)
def test_positions_of_a_batch_get_different_ids(identity: bytes, moment: datetime) -> None:
    entropy = position_entropy(identity, 1_000)
    made = {uuid7(milliseconds(moment), entropy_of(entropy, n)) for n in range(1_000)}

    assert len(made) == 1_000


@given(st.text(max_size=20).filter(lambda name: "\0" not in name), ids, st.integers(1, 100))
def test_copies_of_a_batch_meet_in_one_partition(
    application: str, batch_id: UUID, partition_count: int
) -> None:
    partitions = {partition_of(batch_key(application, batch_id), partition_count) for _ in range(3)}

    assert len(partitions) == 1
    assert partitions <= set(range(partition_count))


@given(st.tuples(st.text(max_size=8), ids), st.tuples(st.text(max_size=8), ids))
def test_different_batches_have_different_keys(
    one: tuple[str, UUID], other: tuple[str, UUID]
) -> None:
    # applications hold no NUL, the separator
    assert (one == other) == (batch_key(*one) == batch_key(*other))


@given(st.lists(ids), st.randoms(use_true_random=False))
def test_checksum_knows_no_order(row_ids: list[UUID], random: Random) -> None:
    shuffled = row_ids[:]
    random.shuffle(shuffled)

    assert checksum(shuffled) == checksum(row_ids)


@given(st.lists(ids), st.lists(ids))
def test_checksums_of_parts_add_up(one: list[UUID], other: list[UUID]) -> None:
    assert (checksum(one) + checksum(other)) % 2**128 == checksum(one + other)


@given(st.lists(ids, min_size=1), ids, st.data())
def test_checksum_sees_a_lost_and_a_changed_row(
    row_ids: list[UUID], other: UUID, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(row_ids) - 1))
    without = row_ids[:position] + row_ids[position + 1 :]
    changed = [*without, other]

    assert (checksum(without) == checksum(row_ids)) == (row_ids[position].int == 0)
    assert (checksum(changed) == checksum(row_ids)) == (row_ids[position] == other)
