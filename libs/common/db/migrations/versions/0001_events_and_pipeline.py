"""Events, slices, offsets, dead letters and the ledger."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "app_exceptions",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("exception_type", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("stacktrace", postgresql.JSONB(), nullable=True),
        sa.Column("cause", postgresql.JSONB(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("module", sa.Text(), nullable=True),
        sa.Column("request_path", sa.Text(), nullable=True),
        sa.Column("request_method", sa.Text(), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Double(), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("extra_data", postgresql.JSONB(), nullable=True),
        sa.Column("is_resolved", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolution_notes", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("created_at", "id", name=op.f("pk_app_exceptions")),
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_table(
        "app_logs",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("module", sa.Text(), nullable=True),
        sa.Column("request_path", sa.Text(), nullable=True),
        sa.Column("request_method", sa.Text(), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Double(), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("extra_data", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("created_at", "id", name=op.f("pk_app_logs")),
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_index(
        "ix_app_logs_bloom",
        "app_logs",
        ["trace_id", "user_id"],
        unique=False,
        postgresql_using="brin",
        postgresql_ops={"trace_id": "text_bloom_ops", "user_id": "text_bloom_ops"},
        postgresql_with={"pages_per_range": "64"},
    )
    op.create_index(
        "ix_app_logs_level_created_at_id",
        "app_logs",
        ["level", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("level IN ('WARNING', 'ERROR', 'CRITICAL')"),
    )
    op.create_table(
        "consumer_offsets",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("last_key", sa.LargeBinary(), nullable=True),
        sa.Column("last_record_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_reason", sa.Text(), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("consumer", "topic", "partition", name=op.f("pk_consumer_offsets")),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sqlstate", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.Column("application", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("event_kind", sa.Text(), nullable=True),
        sa.Column("event_count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=True),
        sa.Column("payload_bytes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("payload_hmac", sa.LargeBinary(), nullable=True),
        sa.Column("dead_lettered_count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'replaying', 'replayed', 'discarded')",
            name=op.f("ck_dead_letters_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index(
        "ix_dead_letters_status_created_at_id",
        "dead_letters",
        ["status", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "gateway_boots",
        sa.Column("boot_id", sa.Uuid(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("flushed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_paused", sa.Boolean(), server_default="false", nullable=False),
        sa.PrimaryKeyConstraint("boot_id", name=op.f("pk_gateway_boots")),
    )
    op.create_table(
        "ingested_batches",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body_hmac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "batch_id", "application", "first_seen", name=op.f("pk_ingested_batches")
        ),
        postgresql_partition_by="RANGE (first_seen)",
    )
    op.create_table(
        "ledger_received",
        sa.Column("boot_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("unknown", sa.BigInteger(), nullable=False),
        sa.Column("rejected", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("boot_id", "key_id", "hour", name=op.f("pk_ledger_received")),
    )
    op.create_index("ix_ledger_received_hour", "ledger_received", ["hour"], unique=False)
    op.create_table(
        "ledger_stored",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("stored", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("aggregated_only", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicate", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("conflict", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dead_lettered", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("key_id", "hour", "partition", name=op.f("pk_ledger_stored")),
    )
    op.create_index("ix_ledger_stored_hour", "ledger_stored", ["hour"], unique=False)
    op.create_table(
        "performance_samples",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("module", sa.Text(), nullable=True),
        sa.Column("request_path", sa.Text(), nullable=True),
        sa.Column("request_method", sa.Text(), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("extra_data", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("created_at", "id", name=op.f("pk_performance_samples")),
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_table(
        "slice_counts",
        sa.Column("slice_name", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("id_checksum", sa.Numeric(precision=39, scale=0), nullable=False),
        sa.PrimaryKeyConstraint("slice_name", "partition", name=op.f("pk_slice_counts")),
    )
    op.create_table(
        "slices",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("lower_bound", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upper_bound", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="hot", nullable=False),
        sa.Column(
            "made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "state IN ('hot', 'sealed', 'both', 'archived', 'restored')",
            name=op.f("ck_slices_state"),
        ),
        sa.CheckConstraint("lower_bound < upper_bound", name=op.f("ck_slices_bounds")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_slices")),
    )
    op.create_index(
        "ix_slices_table_name_lower_bound", "slices", ["table_name", "lower_bound"], unique=True
    )
    op.create_table(
        "topic_pauses",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_topic_pauses")),
    )


def downgrade() -> None:
    """Drop the tables and all they hold."""
    op.drop_table("topic_pauses")
    op.drop_index("ix_slices_table_name_lower_bound", table_name="slices")
    op.drop_table("slices")
    op.drop_table("slice_counts")
    op.drop_table("performance_samples")
    op.drop_index("ix_ledger_stored_hour", table_name="ledger_stored")
    op.drop_table("ledger_stored")
    op.drop_index("ix_ledger_received_hour", table_name="ledger_received")
    op.drop_table("ledger_received")
    op.drop_table("ingested_batches")
    op.drop_table("gateway_boots")
    op.drop_index("ix_dead_letters_status_created_at_id", table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_table("consumer_offsets")
    op.drop_index(
        "ix_app_logs_level_created_at_id",
        table_name="app_logs",
        postgresql_where=sa.text("level IN ('WARNING', 'ERROR', 'CRITICAL')"),
    )
    op.drop_index(
        "ix_app_logs_bloom",
        table_name="app_logs",
        postgresql_using="brin",
        postgresql_ops={"trace_id": "text_bloom_ops", "user_id": "text_bloom_ops"},
        postgresql_with={"pages_per_range": "64"},
    )
    op.drop_table("app_logs")
    op.drop_table("app_exceptions")
