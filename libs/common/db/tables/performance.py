"""Performance: raw slow samples, and the aggregates over all of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.db.tables.metadata import SEALED_ONLY, Table


class PerformanceSample(Table):
    """One slow request or query. Written by the writer; sliced by `created_at`."""

    __tablename__ = "performance_samples"

    created_at: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    application: Mapped[str]
    environment: Mapped[str | None]
    release: Mapped[str | None]
    source: Mapped[str]
    kind: Mapped[str]
    duration_ms: Mapped[float]
    statement: Mapped[str | None]
    trace_id: Mapped[str | None]
    session_id: Mapped[str | None]
    user_id: Mapped[str | None]
    module: Mapped[str | None]
    request_path: Mapped[str | None]
    request_method: Mapped[str | None]
    status_code: Mapped[int | None]
    count: Mapped[int] = mapped_column(server_default="1")
    extra_data: Mapped[dict[str, Any] | None]

    __table_args__ = (
        Index("ix_performance_samples_trace_id", "trace_id", info=SEALED_ONLY),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )


class PerformanceMetric(Table):
    """One aggregate of a series over one window. Written by metrics."""

    __tablename__ = "performance_metrics"

    metric_type: Mapped[str] = mapped_column(primary_key=True)
    metric_name: Mapped[str] = mapped_column(primary_key=True)
    aggregation_period: Mapped[str] = mapped_column(primary_key=True)
    period_start: Mapped[datetime] = mapped_column(primary_key=True)
    labels: Mapped[dict[str, Any]] = mapped_column(JSONB(), primary_key=True)
    period_end: Mapped[datetime]
    value: Mapped[float]
    unit: Mapped[str]
    count: Mapped[int] = mapped_column(BigInteger())
    sum: Mapped[float]
    min: Mapped[float | None]
    max: Mapped[float | None]
    error_count: Mapped[int] = mapped_column(BigInteger(), server_default="0")
    sketch: Mapped[bytes | None] = mapped_column(LargeBinary())

    __table_args__ = (
        Index("ix_performance_metrics_period", "metric_type", "aggregation_period", "period_start"),
    )
