"""What routes over several kinds of events answer, for the documentation only."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.query.api.log_documents import Entry, LogEntry


class LogEventEntry(LogEntry):
    """A log among other kinds."""

    kind: Literal["log"]


class ExceptionEntry(Entry):
    """One occurrence of an exception."""

    kind: Literal["exception"]
    level: str
    exception_type: str
    message: str
    stacktrace: list[Any] | None
    cause: list[Any] | None
    is_resolved: bool
    resolved_at: datetime | None
    resolved_by: str | None
    resolution_notes: str | None


class SampleEntry(Entry):
    """A slow request or query."""

    kind: Literal["request", "query"]
    duration_ms: float
    statement: str | None


class Side(BaseModel):
    """The neighbours on one side, newest first."""

    items: list[LogEventEntry | ExceptionEntry]
    has_more: bool
    searched_to: datetime | None


class ContextAnswer(BaseModel):
    """An event, and what stands around it."""

    model_config = ConfigDict(populate_by_name=True)

    event: LogEventEntry | ExceptionEntry
    before: Side
    after: Side
    complete_through: datetime | None


class TraceAnswer(BaseModel):
    """The events of a trace, oldest first."""

    trace_id: str
    items: list[LogEventEntry | ExceptionEntry | SampleEntry]
    next_cursor: str | None = Field(description="To later events; null = there are none")
    complete_through: datetime | None
    searched_to: datetime | None
