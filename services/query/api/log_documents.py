"""What log routes answer, for the documentation only: rows go to JSON without these models."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

_EXAMPLE: dict[str, Any] = {
    "created_at": "2026-11-23T10:15:30.123456Z",
    "id": "019ab0f2-9a7b-7c3d-8e4f-5a6b7c8d9e0f",
    "received_at": "2026-11-23T10:15:30.456789Z",
    "application": "shop",
    "environment": "production",
    "release": "2026.11.2",
    "source": "frontend",
    "level": "ERROR",
    "message": "payment failed: card declined",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "session_id": "s-81",
    "user_id": "42",
    "module": "checkout",
    "request_path": "/api/v1/orders",
    "request_method": "POST",
    "status_code": 502,
    "duration_ms": 12.5,
    "count": 1,
    "extra_data": {"tenant": "acme", "cart": 3},
}


class Entry(BaseModel):
    """What events of all kinds have."""

    created_at: datetime
    id: UUID
    received_at: datetime
    application: str
    environment: str | None
    release: str | None
    source: str
    trace_id: str | None
    session_id: str | None
    user_id: str | None
    module: str | None
    request_path: str | None
    request_method: str | None
    status_code: int | None
    duration_ms: float | None
    count: int = Field(description="How many equal events the SDK folded into this one")
    extra_data: dict[str, Any] | None


class LogEntry(Entry):
    """One log."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    level: str
    message: str


class LogPage(BaseModel):
    """One page of logs, newest first."""

    items: list[LogEntry]
    next_cursor: str | None = Field(description="To older rows; null = there are none")
    prev_cursor: str | None = Field(description="To newer rows; null = this is the newest page")
    complete_through: datetime | None = Field(
        description="Every batch acknowledged before this moment is stored; null = not known yet"
    )
    searched_to: datetime | None = Field(
        description="Set where time ran out: the search came to this moment"
    )


class Counts(BaseModel):
    """Events by level and source; `rows` is how many rows hold them."""

    count: int
    rows: int
    by_level: dict[str, int]
    by_source: dict[str, int]


class Bucket(Counts):
    """The counts of one stretch of time."""

    start: datetime


class LogStatisticsAnswer(Counts):
    """Counts of a range, in all and by bucket."""

    since: datetime = Field(alias="from")
    to: datetime
    interval_seconds: int
    buckets: list[Bucket]
    complete_through: datetime | None
    searched_to: datetime | None


class FacetCount(BaseModel):
    """One value of a field, and how many events have it."""

    value: str | int
    count: int


class FacetCounts(BaseModel):
    """The most frequent values of a field."""

    field: str
    values: list[FacetCount]
    missing: int = Field(description="Events in which the field has no value")
    other: int = Field(description="Events with values that are not listed")


class FacetsAnswer(BaseModel):
    """The values of several fields over a range."""

    since: datetime = Field(alias="from")
    to: datetime
    count: int
    facets: list[FacetCounts]
    complete_through: datetime | None
    searched_to: datetime | None


class Series(BaseModel):
    """The counts of one value, in the order of the buckets."""

    value: str | int | None
    count: int
    counts: list[int]


class HistogramAnswer(BaseModel):
    """Counts of a range by bucket and value."""

    since: datetime = Field(alias="from")
    to: datetime
    interval_seconds: int
    by: str
    count: int
    rows: int
    buckets: list[datetime] = Field(description="The start of each bucket")
    counts: list[int]
    series: list[Series] = Field(description="The most frequent values")
    other: list[int] = Field(description="The counts of all other values")
    complete_through: datetime | None
    searched_to: datetime | None
