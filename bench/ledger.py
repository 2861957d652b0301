"""The end of every measurement: nothing lost, nothing doubled."""

from bench.house import House, stored_count


async def check_ledger(house: House) -> None:
    """Raise where events are missing or doubled: acknowledged, ledger and tables must agree."""
    await house.stop("ingest")  # its last flush
    connection = await house.connect()
    try:
        accepted = await connection.fetchval("SELECT sum(accepted) FROM ledger_received")
        stored = await connection.fetchval("SELECT sum(stored) FROM ledger_stored")
        ended = await stored_count(connection)
        rows = await connection.fetchval(
            "SELECT (SELECT count(*) FROM app_logs) + (SELECT count(*) FROM app_exceptions) "
            "+ (SELECT count(*) FROM performance_samples)"
        )
        counted = await connection.fetchval("SELECT sum(row_count) FROM slice_counts")
    finally:
        await connection.close()
    if not (accepted == ended and stored == rows == counted):
        raise RuntimeError(f"ledger: {accepted=} {ended=} {stored=} {rows=} {counted=}")
    print(f"ledger: {accepted:.0f} accepted = {ended} with an end; {rows} rows = {counted} counted")
