"""What routes over several kinds of events answer, for the documentation only."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.query.api.log_documents import LogEntry


class LogEventEntry(LogEntry):
    """A log among other kinds."""

    kind: Literal["log"]


class ExceptionEntry(BaseModel):
    """One occurrence of an exception."""

    kind: Literal["exception"]
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
    stacktrace: list[Any] | None
    cause: list[Any] | None
    trace_id: str | None
    session_id: str | None
    user_id: str | None
    module: str | None
    request_path: str | None
    request_method: str | None
    status_code: int | None
    duration_ms: float | None
    count: int
    extra_data: dict[str, Any] | None
    is_resolved: bool
    resolved_at: datetime | None
    resolved_by: str | None
    resolution_notes: str | None


class SampleEntry(BaseModel):
    """A slow request or query."""

    kind: Literal["request", "query"]
    created_at: datetime
    id: UUID
    received_at: datetime
    application: str
    environment: str | None
    release: str | None
    source: str
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
    extra_data: dict[str, Any] | None


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
