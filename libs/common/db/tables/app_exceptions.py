"""Exception events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.db.tables.metadata import SEALED_ONLY, Table


class AppException(Table):
    """One occurrence of an exception. Written by the writer; resolution columns by query."""

    __tablename__ = "app_exceptions"

    created_at: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    application: Mapped[str]
    environment: Mapped[str | None]
    release: Mapped[str | None]
    source: Mapped[str]
    level: Mapped[str]
    exception_type: Mapped[str]
    message: Mapped[str]
    stacktrace: Mapped[list[Any] | None]
    cause: Mapped[list[Any] | None]
    trace_id: Mapped[str | None]
    session_id: Mapped[str | None]
    user_id: Mapped[str | None]
    module: Mapped[str | None]
    request_path: Mapped[str | None]
    request_method: Mapped[str | None]
    status_code: Mapped[int | None]
    duration_ms: Mapped[float | None]
    count: Mapped[int] = mapped_column(server_default="1")
    extra_data: Mapped[dict[str, Any] | None]
    is_resolved: Mapped[bool] = mapped_column(server_default="false")
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    resolution_notes: Mapped[str | None]

    __table_args__ = (
        Index("ix_app_exceptions_source", "source", info=SEALED_ONLY),
        Index("ix_app_exceptions_exception_type", "exception_type", info=SEALED_ONLY),
        Index("ix_app_exceptions_trace_id", "trace_id", info=SEALED_ONLY),
        Index("ix_app_exceptions_user_id", "user_id", info=SEALED_ONLY),
        Index("ix_app_exceptions_is_resolved", "is_resolved", info=SEALED_ONLY),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )
