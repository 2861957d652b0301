"""The kinds of events that are kept as rows: their tables, and how a row becomes an item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, FromClause, Table, Text, cast
from sqlalchemy.dialects.postgresql import JSONB

from libs.common.db.tables import AppException, AppLog, PerformanceSample


class LogItem(msgspec.Struct, gc=False):
    """A log as it is answered; fields stand in the order of the table's columns."""

    created_at: datetime
    id: UUID
    received_at: datetime
    application: str
    environment: str | None
    release: str | None
    source: str
    level: str
    message: str
    trace_id: str | None
    session_id: str | None
    user_id: str | None
    module: str | None
    request_path: str | None
    request_method: str | None
    status_code: int | None
    duration_ms: float | None
    count: int
    extra_data: msgspec.Raw | None


class LogEvent(LogItem, tag_field="kind", tag="log", gc=False):
    """A log among events of several kinds."""


class ExceptionEvent(msgspec.Struct, tag_field="kind", tag="exception", gc=False):
    """One occurrence of an exception; fields as above."""

    created_at: datetime
    id: UUID
    received_at: datetime
    application: str
    environment: str | None
    release: str | None
    source: str
    level: str
    exception_type: str
    message: str
    stacktrace: msgspec.Raw | None
    cause: msgspec.Raw | None
    trace_id: str | None
    session_id: str | None
    user_id: str | None
    module: str | None
    request_path: str | None
    request_method: str | None
    status_code: int | None
    duration_ms: float | None
    count: int
    extra_data: msgspec.Raw | None
    is_resolved: bool
    resolved_at: datetime | None
    resolved_by: str | None
    resolution_notes: str | None


class SampleEvent(msgspec.Struct, gc=False):
    """A slow request or query, as its own `kind` says; fields as above."""

    created_at: datetime
    id: UUID
    received_at: datetime
    application: str
    environment: str | None
    release: str | None
    source: str
    kind: str
    duration_ms: float
    statement: str | None
    trace_id: str | None
    session_id: str | None
    user_id: str | None
    module: str | None
    request_path: str | None
    request_method: str | None
    status_code: int | None
    count: int
    extra_data: msgspec.Raw | None


Item = LogItem | ExceptionEvent | SampleEvent


@dataclass(frozen=True)
class Kind:
    """One sliced table and the items that its rows become."""

    table: Table
    item: Callable[..., Item]

    @property
    def table_name(self) -> str:
        return self.table.name

    def columns(self, source: FromClause) -> list[ColumnElement[Any]]:
        """Return what is selected: all columns, JSON as text, for nobody here looks into it."""
        return [
            cast(column, Text).label(column.name) if isinstance(column.type, JSONB) else column
            for column in source.c
        ]

    def reader(self) -> Callable[[Sequence[Any]], Item]:
        """Return what makes an item of a row."""
        documents = [at for at, column in enumerate(self.table.c) if isinstance(column.type, JSONB)]
        item = self.item

        def read(row: Sequence[Any]) -> Item:
            values = list(row)
            for at in documents:
                text = values[at]
                if text is not None:
                    values[at] = msgspec.Raw(text)
            return item(*values)

        return read


LOGS = Kind(AppLog.__table__, LogItem)  # type: ignore[arg-type]  # a mapped class has a Table
LOG_EVENTS = Kind(AppLog.__table__, LogEvent)  # type: ignore[arg-type]  # as above
EXCEPTION_EVENTS = Kind(AppException.__table__, ExceptionEvent)  # type: ignore[arg-type]  # as above
SAMPLE_EVENTS = Kind(PerformanceSample.__table__, SampleEvent)  # type: ignore[arg-type]  # as above
