"""Log events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.db.tables.metadata import SEALED_ONLY, Table


class AppLog(Table):
    """One log event. Written by the writer; sliced by `created_at`."""

    __tablename__ = "app_logs"

    created_at: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    application: Mapped[str]
    environment: Mapped[str | None]
    release: Mapped[str | None]
    source: Mapped[str]
    level: Mapped[str]
    message: Mapped[str]
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

    __table_args__ = (
        # The primary key leads with created_at and so is the seed's index on it.
        Index(
            "ix_app_logs_level_created_at_id",
            "level",
            "created_at",
            "id",
            postgresql_where=text("level IN ('WARNING', 'ERROR', 'CRITICAL')"),
        ),
        Index(
            "ix_app_logs_bloom",
            "trace_id",
            "user_id",
            postgresql_using="brin",
            postgresql_ops={"trace_id": "text_bloom_ops", "user_id": "text_bloom_ops"},
            postgresql_with={"pages_per_range": "64"},
        ),
        Index("ix_app_logs_source", "source", info=SEALED_ONLY),
        Index("ix_app_logs_level", "level", info=SEALED_ONLY),
        Index("ix_app_logs_trace_id", "trace_id", info=SEALED_ONLY),
        Index("ix_app_logs_user_id_created_at", "user_id", "created_at", info=SEALED_ONLY),
        Index("ix_app_logs_module", "module", info=SEALED_ONLY),
        Index("ix_app_logs_request_path", "request_path", info=SEALED_ONLY),
        Index(
            "ix_app_logs_extra_data",
            "extra_data",
            postgresql_using="gin",
            postgresql_ops={"extra_data": "jsonb_path_ops"},
            info=SEALED_ONLY,
        ),
        Index(
            "ix_app_logs_message",
            "message",
            postgresql_using="gin",
            postgresql_ops={"message": "gin_trgm_ops"},
            info=SEALED_ONLY,
        ),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )
