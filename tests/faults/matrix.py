"""All rows that can be played, in the order of the matrix."""

from tests.faults.rows import gateway, kafka, postgres, slicer, topics, writer
from tests.faults.runner import Row


def all_rows() -> dict[str, Row]:
    """Return the rows by number."""
    rows = (
        *gateway.ROWS,
        *kafka.ROWS,
        *writer.ROWS,
        *slicer.ROWS,
        *postgres.ROWS,
        *topics.ROWS,
    )
    return {row.number: row for row in rows}


def choose_rows(numbers: str | None) -> list[Row]:
    """Return the rows named in a list like `8,23,R`, or all; raises KeyError for unknown ones."""
    rows = all_rows()
    if numbers is None:
        return list(rows.values())
    return [rows[number.strip().upper()] for number in numbers.split(",")]
