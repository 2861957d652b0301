"""COPY of rows, and finding the ones that Postgres refuses."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from libs.common.events.records import Row
from services.writer.domain.arrivals import Arrival, Kind
from services.writer.domain.errors import SliceMissing, TooManyRefused
from services.writer.domain.letters import RefusedRow, under_derived_id
from services.writer.domain.refusals import (
    CHECK_VIOLATION,
    UNIQUE_VIOLATION,
    RefusalWindow,
    is_rows_fault,
    refused_line,
)

PIECE_ROW_COUNT = 1_024
"""Rows at once while refused ones are sought: a piece with one costs about twice its COPY."""

PlacedRow = tuple[Row, Arrival, int]
"""A row, the batch it came in, and its place there."""


class RowsRefused(Exception):
    """A COPY failed through the fault of one of its rows."""

    def __init__(self, reason: str, sqlstate: str | None, line: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sqlstate = sqlstate
        self.line = line


async def copy_rows(connection: asyncpg.Connection, kind: Kind, rows: Sequence[Row]) -> None:
    """Copy rows in one statement; raises RowsRefused where a row of them is at fault."""
    try:
        await connection.copy_records_to_table(kind.table, records=rows, columns=kind.columns)
    except asyncpg.PostgresError as error:
        sqlstate = error.sqlstate or ""
        if sqlstate == CHECK_VIOLATION and not error.constraint_name:
            # "no partition of relation found for row"
            raise SliceMissing(str(error)) from error
        if sqlstate != UNIQUE_VIOLATION and not is_rows_fault(sqlstate):
            raise
        line = refused_line(error.context, len(rows))
        raise RowsRefused(str(error), sqlstate, line) from error
    except (OverflowError, ValueError, TypeError) as error:
        # asyncpg could not even put the value into COPY's binary form
        raise RowsRefused(str(error), None, None) from error


@dataclass
class Copied:
    """What became of the rows of one kind."""

    stored: dict[int, list[Row]] = field(default_factory=dict)
    """By Kafka partition, as they stand in the table."""
    refused: list[RefusedRow] = field(default_factory=list)


async def copy_carefully(
    connection: asyncpg.Connection,
    kind: Kind,
    rows: Sequence[PlacedRow],
    windows: Mapping[int, RefusalWindow],
    *,
    stopping: int | None,
) -> Copied:
    """Copy rows of all partitions piece by piece, setting refused ones aside.

    Raises TooManyRefused once a partition's window says so, unless that partition is `stopping`.
    """
    copied = Copied()
    for start in range(0, len(rows), PIECE_ROW_COUNT):
        piece = rows[start : start + PIECE_ROW_COUNT]
        counts = Counter(arrival.partition for _, arrival, _ in piece)
        refused = Counter[int]()
        async for row in _copy_piece(connection, kind, piece, copied.stored):
            copied.refused.append(row)
            partition = row.arrival.partition
            refused[partition] += 1
            if partition != stopping and windows[partition].would_trip(
                counts[partition], refused[partition]
            ):
                raise TooManyRefused(partition)
        for partition, count in counts.items():
            windows[partition].add(count, refused[partition])
    return copied


async def _copy_piece(
    connection: asyncpg.Connection,
    kind: Kind,
    piece: Sequence[PlacedRow],
    stored: dict[int, list[Row]],
) -> AsyncIterator[RefusedRow]:
    """Store a piece and yield the rows of it that are refused."""
    waiting = [list(piece)]
    while waiting:
        some = waiting.pop()
        plain = [row for row, _, _ in some]
        try:
            async with connection.transaction():
                await copy_rows(connection, kind, plain)
        except RowsRefused as error:
            if len(some) > 1:
                at = len(some) // 2 if error.line is None else error.line
                parts = (
                    [some[:at], some[at : at + 1], some[at + 1 :]]
                    if error.line is not None
                    else [some[:at], some[at:]]
                )
                waiting.extend(part for part in reversed(parts) if part)
                continue
            row, arrival, position = some[0]
            if error.sqlstate == UNIQUE_VIOLATION:
                derived = under_derived_id(kind, row, arrival, position)
                if derived[1] != row[1]:
                    waiting.append([(derived, arrival, position)])
                    continue
            yield RefusedRow(kind, row, arrival, position, error.reason, error.sqlstate)
        else:
            for row, arrival, _ in some:
                stored.setdefault(arrival.partition, []).append(row)
