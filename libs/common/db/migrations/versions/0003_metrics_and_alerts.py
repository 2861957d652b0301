"""Aggregates, alert configs and alert history."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "alert_configs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("metric_type", sa.Text(), nullable=False),
        sa.Column("metric_name", sa.Text(), nullable=True),
        sa.Column("condition_operator", sa.Text(), nullable=False),
        sa.Column("threshold_value", sa.Double(), nullable=False),
        sa.Column("window_seconds", sa.Integer(), server_default="300", nullable=False),
        sa.Column("throttle_seconds", sa.Integer(), server_default="900", nullable=False),
        sa.Column("filters", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "notification_channels",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("recipients", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "condition_operator IN ('>', '>=', '<', '<=', '==', '!=')",
            name=op.f("ck_alert_configs_condition_operator"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_configs")),
        sa.UniqueConstraint("name", name=op.f("uq_alert_configs_name")),
    )
    op.create_table(
        "performance_metrics",
        sa.Column("metric_type", sa.Text(), nullable=False),
        sa.Column("metric_name", sa.Text(), nullable=False),
        sa.Column("aggregation_period", sa.Text(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("sum", sa.Double(), nullable=False),
        sa.Column("min", sa.Double(), nullable=True),
        sa.Column("max", sa.Double(), nullable=True),
        sa.Column("error_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint(
            "metric_type",
            "metric_name",
            "aggregation_period",
            "period_start",
            "labels",
            name=op.f("pk_performance_metrics"),
        ),
    )
    op.create_index(
        "ix_performance_metrics_period",
        "performance_metrics",
        ["metric_type", "aggregation_period", "period_start"],
        unique=False,
    )
    op.create_table(
        "alert_history",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("alert_config_id", sa.Uuid(), nullable=False),
        sa.Column(
            "triggered_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("metric_value", sa.Double(), nullable=True),
        sa.Column("threshold_value", sa.Double(), nullable=True),
        sa.Column("state", sa.Text(), server_default="firing", nullable=False),
        sa.Column("notification_sent", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("notification_status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_config_id"],
            ["alert_configs.id"],
            name=op.f("fk_alert_history_alert_config_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_history")),
    )
    op.create_index(
        "ix_alert_history_alert_config_id_triggered_at",
        "alert_history",
        ["alert_config_id", "triggered_at"],
        unique=False,
    )


def downgrade() -> None:
    """Drop the tables and all they hold."""
    op.drop_index("ix_alert_history_alert_config_id_triggered_at", table_name="alert_history")
    op.drop_table("alert_history")
    op.drop_index("ix_performance_metrics_period", table_name="performance_metrics")
    op.drop_table("performance_metrics")
    op.drop_table("alert_configs")
