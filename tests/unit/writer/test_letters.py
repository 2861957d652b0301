"""Dead letters: deterministic ids, storable payloads, nothing of undecodable records."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from libs.common.events.records import BatchHeader, Row
from libs.common.ids import id_milliseconds, milliseconds
from services.writer.domain.arrivals import LOG, Arrival, Undecodable
from services.writer.domain.letters import (
    RefusedRow,
    record_letter,
    row_letter,
    under_derived_id,
)

NOON = datetime(2026, 11, 23, 12, 30, 0, 5_000, tzinfo=UTC)


def log_values(**changes: object) -> Row:
    values: dict[str, object] = dict.fromkeys(LOG.columns)
    values |= {"created_at": NOON, "id": uuid4(), "message": "hello", "count": 1} | changes
    return tuple(values[name] for name in LOG.columns)


def refused(row: Row, position: int = 0) -> RefusedRow:
    header = BatchHeader("shop", UUID(int=1), "key1", NOON, b"h")
    arrival = Arrival(1, 7, NOON, header, ([row], [], []), 0, NOON, NOON, (0, 0, 0))
    return RefusedRow(LOG, row, arrival, position, "why", "22021")


def test_a_letters_id_follows_from_its_place() -> None:
    row = log_values()
    assert row_letter("t", refused(row)).id == row_letter("t", refused(row)).id
    assert row_letter("t", refused(row)).id != row_letter("t", refused(row, 1)).id
    assert row_letter("t", refused(row)).id != row_letter("u", refused(row)).id


def test_the_payload_is_the_row_by_column_and_fits_jsonb() -> None:
    row = log_values(message="a\0b", duration_ms=float("nan"), extra_data='{"cart": 3}')
    letter = row_letter("t", refused(row))
    assert letter.payload is not None
    payload = json.loads(letter.payload)
    assert set(payload) == set(LOG.columns)
    assert payload["message"] == "a\ufffdb"
    assert payload["duration_ms"] == "nan"
    assert payload["extra_data"] == '{"cart": 3}'
    assert payload["created_at"] == "2026-11-23T12:30:00.005000Z"
    assert letter.payload_bytes == len(letter.payload.encode())


def test_an_undecodable_record_keeps_length_and_hmac_only() -> None:
    record = Undecodable(1, 7, NOON, "why", b"password=hunter2")
    letter = record_letter("t", record, b"s" * 32)
    assert letter.payload is None
    assert letter.payload_bytes == 16
    assert letter.payload_hmac != record_letter("t", record, b"t" * 32).payload_hmac
    other = record_letter("t", replace(record, value=b"x"), b"s" * 32)
    assert letter.payload_hmac != other.payload_hmac
    assert b"hunter2" not in repr(letter).encode()


def test_a_taken_id_gives_way_to_a_derived_one_of_the_same_millisecond() -> None:
    row = log_values(extra_data='{"cart": 3}')
    one = refused(row)
    derived = under_derived_id(LOG, row, one.arrival, 4)
    assert isinstance(derived[1], UUID)
    assert derived[1] != row[1]
    assert id_milliseconds(derived[1]) == milliseconds(NOON)
    assert json.loads(str(derived[-1])) == {"cart": 3, "client_event_id": str(row[1])}
    assert under_derived_id(LOG, row, one.arrival, 4) == derived
    assert under_derived_id(LOG, row, one.arrival, 5)[1] != derived[1]
    assert json.loads(str(under_derived_id(LOG, log_values(), one.arrival, 0)[-1]))
