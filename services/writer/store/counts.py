"""What a transaction adds to the ledger and to the counts of slices: sorted, so never in deadlock.

Every row belongs to one Kafka partition and so to one writer.
"""

from decimal import Decimal

import asyncpg

from libs.common.ids import CHECKSUM_MODULUS
from services.writer.domain.counting import SliceCounts
from services.writer.domain.errors import SliceMissing
from services.writer.domain.ledger import Ledger


async def add_ledger(connection: asyncpg.Connection, ledger: Ledger) -> None:
    """Add the tallies to `ledger_stored`."""
    if not ledger.tallies:
        return
    places = sorted(ledger.tallies)
    tallies = [ledger.tallies[place] for place in places]
    await connection.execute(
        """
        INSERT INTO ledger_stored AS kept
            (key_id, hour, partition, stored, aggregated_only, duplicate, conflict, dead_lettered)
        SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::int[], $4::bigint[], $5::bigint[],
                             $6::bigint[], $7::bigint[], $8::bigint[])
        ON CONFLICT (key_id, hour, partition) DO UPDATE
        SET stored = kept.stored + excluded.stored,
            aggregated_only = kept.aggregated_only + excluded.aggregated_only,
            duplicate = kept.duplicate + excluded.duplicate,
            conflict = kept.conflict + excluded.conflict,
            dead_lettered = kept.dead_lettered + excluded.dead_lettered
        """,
        [key_id for key_id, _, _ in places],
        [hour for _, hour, _ in places],
        [partition for _, _, partition in places],
        [tally.stored for tally in tallies],
        [tally.aggregated_only for tally in tallies],
        [tally.duplicate for tally in tallies],
        [tally.conflict for tally in tallies],
        [tally.dead_lettered for tally in tallies],
    )


async def add_slice_counts(connection: asyncpg.Connection, counts: SliceCounts) -> None:
    """Add rows and checksums to `slice_counts`, modulo 2^128; raises SliceMissing.

    The rows have to be copied already: then nobody merges their slices until we commit, and what
    the names are now they stay.
    """
    if not counts:
        return
    places = sorted(counts)
    names = sorted({name for name, _ in places})
    known = await connection.fetchval("SELECT count(*) FROM slices WHERE name = ANY ($1)", names)
    if known < len(names):
        raise SliceMissing(f"of {len(names)} slices only {known} are there under the known names")
    await connection.execute(
        """
        INSERT INTO slice_counts AS kept (slice_name, partition, row_count, id_checksum)
        SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::numeric[])
        ON CONFLICT (slice_name, partition) DO UPDATE
        SET row_count = kept.row_count + excluded.row_count,
            id_checksum = mod(kept.id_checksum + excluded.id_checksum, $5::numeric)
        """,
        [name for name, _ in places],
        [partition for _, partition in places],
        [counts[place][0] for place in places],
        [Decimal(counts[place][1]) for place in places],
        Decimal(CHECKSUM_MODULUS),
    )
