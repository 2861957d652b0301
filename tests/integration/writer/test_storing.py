"""Batches from Kafka end up in the tables once, with their counts."""

from uuid import uuid4

from tests.integration.writer.running import (
    NOW,
    AnyRow,
    batch,
    eventually,
    exception_row,
    fetch,
    log_row,
    publish,
    publishing,
    sample_row,
    value,
    writing,
)
from tests.stack import Stack


async def test_all_kinds_are_stored_with_identity_counts_and_ledger(
    stack: Stack, database: str, telemetry: str
) -> None:
    rows: list[AnyRow] = [log_row(), log_row(level="ERROR"), exception_row(), sample_row()]
    fast = sample_row(duration_ms=3.0)
    record = batch([*rows, fast])
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection),
    ):
        await publish(publisher, telemetry, record)
        await eventually(database, "SELECT count(*) FROM app_logs", 2)
    assert await value(database, "SELECT count(*) FROM app_exceptions") == 1
    assert await value(database, "SELECT count(*) FROM performance_samples") == 1
    [known] = await fetch(database, "SELECT * FROM ingested_batches")
    assert known["batch_id"] == record.header.batch_id
    [ledger] = await fetch(database, "SELECT * FROM ledger_stored")
    assert (ledger["stored"], ledger["aggregated_only"], ledger["duplicate"]) == (4, 1, 0)
    assert ledger["hour"] == NOW.replace(minute=0, second=0, microsecond=0)
    counted = await fetch(database, "SELECT row_count, id_checksum FROM slice_counts")
    assert sum(row["row_count"] for row in counted) == 4
    assert sum(int(row["id_checksum"]) for row in counted) % 2**128 == (
        sum(row.id.int for row in rows) % 2**128
    )


async def test_copies_of_a_batch_are_counted_not_stored(
    stack: Stack, database: str, telemetry: str
) -> None:
    batch_id = uuid4()
    first = batch([log_row()], batch_id)
    other = batch([log_row()], batch_id, body_hmac=b"x" * 32)
    async with (
        publishing(stack.kafka_connection) as publisher,
        writing(database, telemetry, stack.kafka_connection),
    ):
        await publish(publisher, telemetry, first)
        await publish(publisher, telemetry, first)
        await publish(publisher, telemetry, other)
        await eventually(database, "SELECT duplicate FROM ledger_stored", 2)
        await publish(publisher, telemetry, batch([log_row()], batch_id, application="blog"))
        await eventually(database, "SELECT count(*) FROM app_logs", 2)
    assert await value(database, "SELECT sum(conflict) FROM ledger_stored") == 1
    assert await value(database, "SELECT sum(stored) FROM ledger_stored") == 2
