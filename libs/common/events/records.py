"""One Kafka record = one accepted batch = one `BatchRecord`.

Rows are array-like structs whose fields stand in the order of the table's COPY columns. A consumer
that wants names decodes structs; the writer decodes the same bytes to plain tuples and hands them
to COPY without touching a single event in Python.
"""

from datetime import datetime
from uuid import UUID

import msgspec


class LogRow(msgspec.Struct, array_like=True, gc=False):
    """A log event, ready for `app_logs`. Written by ingest."""

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
    extra_data: str | None
    """A JSON object as text."""


class ExceptionRow(msgspec.Struct, array_like=True, gc=False):
    """An exception event (one occurrence), ready for `app_exceptions`. Written by ingest."""

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
    stacktrace: str | None
    """A JSON array of frames as text, innermost call first."""
    cause: str | None
    """A JSON array of the exceptions that led to this one, as text."""
    trace_id: str | None
    session_id: str | None
    user_id: str | None
    module: str | None
    request_path: str | None
    request_method: str | None
    status_code: int | None
    duration_ms: float | None
    count: int
    extra_data: str | None


class SampleRow(msgspec.Struct, array_like=True, gc=False):
    """A performance sample: a request or a query, ready for `performance_samples`."""

    created_at: datetime
    id: UUID
    received_at: datetime
    application: str
    environment: str | None
    release: str | None
    source: str
    kind: str
    """`request` or `query`."""
    duration_ms: float
    statement: str | None
    """Of a query; literals are already `?`."""
    trace_id: str | None
    session_id: str | None
    user_id: str | None
    module: str | None
    request_path: str | None
    request_method: str | None
    status_code: int | None
    count: int
    extra_data: str | None


class BatchHeader(msgspec.Struct, array_like=True, gc=False):
    """What is said once for all events of a batch."""

    application: str
    batch_id: UUID
    key_id: str
    """Public id of the ingest key; the ledger counts by it."""
    received_at: datetime
    body_hmac: bytes
    """HMAC-SHA-256 of the decompressed body as the client sent it."""
    sdk: str | None = None
    letter_id: UUID | None = None
    """The dead letter that this batch replays; None for a client's batch."""
    letter_stage: str | None = None
    """The consumer for which it is replayed; all others skip the record."""


class BatchRecord(msgspec.Struct, array_like=True, gc=False):
    """A batch with named rows: what ingest encodes and named consumers decode."""

    header: BatchHeader
    logs: list[LogRow] = []
    exceptions: list[ExceptionRow] = []
    samples: list[SampleRow] = []

    @property
    def event_count(self) -> int:
        """Return how many events the batch holds."""
        return len(self.logs) + len(self.exceptions) + len(self.samples)


def _tuple_of(row: type[msgspec.Struct]) -> object:
    hints = {f.name: f.type for f in msgspec.structs.fields(row)}
    return tuple[tuple(hints.values())]  # type: ignore[misc]  # built from the struct's own fields


Row = tuple[object, ...]
"""A row in COPY order. The first two fields of every row are `created_at` and `id`."""

BatchRows = msgspec.defstruct(
    "BatchRows",
    [
        ("header", BatchHeader),
        ("logs", list[_tuple_of(LogRow)]),  # type: ignore[misc]  # as above
        ("exceptions", list[_tuple_of(ExceptionRow)]),  # type: ignore[misc]  # as above
        ("samples", list[_tuple_of(SampleRow)]),  # type: ignore[misc]  # as above
    ],
    array_like=True,
    gc=False,
    module=__name__,
)
"""The same bytes as `BatchRecord`, rows as plain tuples."""


def columns(row: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the COPY columns of a row type, in order."""
    return row.__struct_fields__
