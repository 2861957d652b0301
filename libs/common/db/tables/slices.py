"""Slices: the time ranges that the big tables are made of."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.db.tables.metadata import Table


class Slice(Table):
    """One leaf of a sliced table. Written by the writer (its slicer)."""

    __tablename__ = "slices"

    name: Mapped[str] = mapped_column(primary_key=True)
    """Name of the leaf table."""
    table_name: Mapped[str]
    lower_bound: Mapped[datetime]
    upper_bound: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default="hot")
    made_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    cleaned_row_count: Mapped[int | None] = mapped_column(BigInteger())
    """Rows of a sealed slice when its text indexes last took in what late rows had pending."""
    cleaned_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state IN ('hot', 'sealed', 'both', 'archived', 'restored')", name="state"),
        CheckConstraint("lower_bound < upper_bound", name="bounds"),
        Index("ix_slices_table_name_lower_bound", "table_name", "lower_bound", unique=True),
    )


class SliceCount(Table):
    """Rows and id checksum of a slice, one row per Kafka partition. Written by the writer.

    Kept in the transaction that stores the rows and summed on reading; `id_checksum` is the sum of
    the ids as 128-bit numbers, modulo 2^128, so that its order does not matter.
    """

    __tablename__ = "slice_counts"

    slice_name: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    row_count: Mapped[int] = mapped_column(BigInteger())
    id_checksum: Mapped[Decimal] = mapped_column(Numeric(39, 0))


class SliceLeftover(Table):
    """A leaf that is to be dropped. Written by the writer (its merger).

    Either it was replaced by a merged one, or it is that one and never took its place.
    """

    __tablename__ = "slice_leftovers"

    name: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
