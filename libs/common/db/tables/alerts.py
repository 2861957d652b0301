"""Alert configs (the rules) and their history."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.db.tables.metadata import Table


class AlertConfig(Table):
    """One alert rule. Written by query."""

    __tablename__ = "alert_configs"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]
    metric_type: Mapped[str]
    metric_name: Mapped[str | None]
    condition_operator: Mapped[str]
    threshold_value: Mapped[float]
    window_seconds: Mapped[int] = mapped_column(server_default="300")
    throttle_seconds: Mapped[int] = mapped_column(server_default="900")
    filters: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    notification_channels: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    recipients: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    is_enabled: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

    __table_args__ = (
        CheckConstraint(
            "condition_operator IN ('>', '>=', '<', '<=', '==', '!=')", name="condition_operator"
        ),
    )


class AlertHistory(Table):
    """One firing or recovery of an alert. Written by the alerter."""

    __tablename__ = "alert_history"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    alert_config_id: Mapped[UUID] = mapped_column(
        ForeignKey("alert_configs.id", ondelete="CASCADE")
    )
    triggered_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    metric_value: Mapped[float | None]
    threshold_value: Mapped[float | None]
    state: Mapped[str] = mapped_column(server_default="firing")
    notification_sent: Mapped[bool] = mapped_column(server_default="false")
    notification_status: Mapped[str] = mapped_column(server_default="pending")
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))

    __table_args__ = (
        Index("ix_alert_history_alert_config_id_triggered_at", "alert_config_id", "triggered_at"),
    )
