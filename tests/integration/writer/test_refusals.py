"""Rows that Postgres refuses become dead letters; everything else of the batch is stored."""

from uuid import UUID, uuid4, uuid5

from libs.common.events import BatchRecord, encode_batch
from tests.integration.writer.running import (
    NOW,
    AnyRow,
    batch,
    eventually,
    exception_row,
    fetch,
    log_row,
    payload_of,
    publish,
    publishing,
    sample_row,
    value,
    writing,
)
from tests.stack import Stack


async def test_refused_rows_are_dead_lettered_with_what_they_held(
    stack: Stack, database: str, telemetry: str
) -> None:
    rows: list[AnyRow] = [log_row() for _ in range(300)]
    rows[17] = log_row(message="nul \0 inside")
    rows[200] = log_row(extra_data='{"broken": ')
    rows += [exception_row(), exception_row(stacktrace="no json"), sample_row(count=2**40)]
    record = batch(rows)
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection) as writer,
    ):
        await publish(publisher, telemetry, record)
        await eventually(database, "SELECT count(*) FROM app_logs", 298)
        assert writer.count("dead_lettered") == 4
    letters = await fetch(database, "SELECT * FROM dead_letters ORDER BY reason")
    assert {letter["event_kind"] for letter in letters} == {"log", "exception", "sample"}
    assert {letter["sqlstate"] for letter in letters} == {"22021", "22P02", None}
    assert all(letter["batch_id"] == record.header.batch_id for letter in letters)
    nul = next(letter for letter in letters if letter["sqlstate"] == "22021")
    assert payload_of(nul)["message"] == "nul \ufffd inside"
    assert UUID(payload_of(nul)["id"]) == rows[17].id
    [ledger] = await fetch(database, "SELECT * FROM ledger_stored")
    assert (ledger["stored"], ledger["dead_lettered"]) == (299, 4)
    assert await value(database, "SELECT sum(row_count) FROM slice_counts") == 299


async def test_an_id_that_is_taken_is_stored_under_a_derived_one(
    stack: Stack, database: str, telemetry: str
) -> None:
    first = log_row(message="first")
    second = log_row(message="second", id=first.id)
    twins: list[AnyRow] = [log_row(message="twin"), log_row(message="other twin")]
    twins[1].id = twins[0].id
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection),
    ):
        await publish(publisher, telemetry, batch([first]))
        await eventually(database, "SELECT count(*) FROM app_logs", 1)
        await publish(publisher, telemetry, batch([second, log_row()]), batch(twins))
        await eventually(database, "SELECT count(*) FROM app_logs", 5)
    [row] = await fetch(database, "SELECT * FROM app_logs WHERE message = 'second'")
    assert row["id"] != first.id
    assert row["id"].int >> 80 == first.id.int >> 80
    assert str(first.id) in row["extra_data"]
    assert await value(database, "SELECT count(*) FROM dead_letters") == 0
    assert await value(database, "SELECT count(DISTINCT id) FROM app_logs") == 5
    kept = await value(database, "SELECT sum(id_checksum)::text FROM slice_counts")
    ids = await fetch(database, "SELECT id FROM app_logs")
    assert int(kept) % 2**128 == sum(row["id"].int for row in ids) % 2**128


async def test_an_undecodable_record_leaves_length_and_hmac_and_the_offset_moves_on(
    stack: Stack, database: str, telemetry: str
) -> None:
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection),
    ):
        await publisher.publish(telemetry, b"key", b"\x07 no batch")
        await publisher.publish(telemetry, b"key", b"\x01\xc1")
        await publish(publisher, telemetry, batch([log_row()]))
        await eventually(database, "SELECT count(*) FROM app_logs", 1)
        await eventually(database, "SELECT count(*) FROM dead_letters", 2)
    letters = await fetch(database, "SELECT * FROM dead_letters ORDER BY record_offset")
    assert letters[0]["payload"] is None
    assert letters[0]["payload_bytes"] == len(b"\x07 no batch")
    assert len(letters[0]["payload_hmac"]) == 32
    assert "version 7" in letters[0]["reason"]


def replay_of(letter_id: UUID, count: int, row: AnyRow, stage: str = "writer") -> BatchRecord:
    return batch(
        [row],
        uuid5(letter_id, str(count)),
        letter_id=letter_id,
        letter_stage=stage,
        body_hmac=b"",
    )


async def test_a_replayed_letter_moves_its_event_in_the_ledger_once(
    stack: Stack, database: str, telemetry: str
) -> None:
    bad = log_row(message="nul \0")
    counts = (
        "SELECT ARRAY[sum(stored), sum(dead_lettered), sum(duplicate)]::int[] FROM ledger_stored"
    )
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection),
    ):
        await publish(publisher, telemetry, batch([bad, log_row()]))
        await eventually(database, counts, [1, 1, 0])
        letter_id = await value(database, "SELECT id FROM dead_letters")
        # refused again: the same letter, nothing in the ledger
        await publish(publisher, telemetry, replay_of(letter_id, 1, bad))
        await eventually(database, "SELECT dead_lettered_count FROM dead_letters", 2)
        assert await value(database, counts) == [1, 1, 0]
        # for another consumer: skipped
        await publish(publisher, telemetry, replay_of(uuid4(), 1, log_row(), "metrics"))
        mended = log_row(id=bad.id, message="mended")
        await publish(publisher, telemetry, replay_of(letter_id, 2, mended))
        await eventually(database, "SELECT status FROM dead_letters", "replayed")
        await publish(publisher, telemetry, replay_of(letter_id, 2, mended))
        await publish(publisher, telemetry, batch([log_row()]))
        await eventually(database, "SELECT count(*) FROM app_logs", 3)
        assert await value(database, counts) == [3, 0, 0]
    assert await value(database, "SELECT count(*) FROM dead_letters") == 1


async def test_masses_of_refused_rows_stop_the_partition_until_it_is_adopted(
    stack: Stack, database: str, telemetry: str
) -> None:
    bad = [batch([log_row(message="\0") for _ in range(100)]) for _ in range(15)]
    stopped = "SELECT count(*) FROM consumer_offsets WHERE stopped_reason IS NOT NULL"
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection),
    ):
        for record in bad:
            await publisher.publish(telemetry, b"one key", encode_batch(record))
        await eventually(database, stopped, 1)
        first = await value(database, "SELECT count(*) FROM dead_letters")
        assert 100 <= first <= 1_000
        await fetch(database, "UPDATE consumer_offsets SET stopped_reason = NULL RETURNING 1")
        await eventually(database, f"SELECT count(*) > {first} FROM dead_letters", True)
        await eventually(database, stopped, 1)
        # other partitions go on
        for number in range(20):
            await publish(publisher, telemetry, batch([log_row()], UUID(int=number)))
        await eventually(database, "SELECT count(*) > 0 FROM app_logs", True)
    reason = await value(
        database, "SELECT stopped_reason FROM consumer_offsets WHERE stopped_reason IS NOT NULL"
    )
    assert "5 %" in reason
    hours = await fetch(database, "SELECT hour FROM ledger_stored WHERE dead_lettered > 0")
    assert all(row["hour"] <= NOW for row in hours)
