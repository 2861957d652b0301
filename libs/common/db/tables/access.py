"""Who may do what: users, sessions, API tokens, ingest keys, and the audit log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.db.tables.metadata import Table


class User(Table):
    """A person who reads. Written by query (and by the `headwater` command)."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    email: Mapped[str]
    password_hash: Mapped[str | None]
    role: Mapped[str]
    """`admin` reads everything; `user` reads the rows of `subjects`."""
    subjects: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """List of [application, user_id] pairs; empty sees nothing."""
    is_active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

    __table_args__ = (
        CheckConstraint("role IN ('admin', 'user')", name="role"),
        Index("uq_users_email", text("lower(email)"), unique=True),
    )


class Session(Table):
    """A console session, known by the hash of its cookie only. Written by query."""

    __tablename__ = "sessions"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    expires_at: Mapped[datetime]
    user_agent: Mapped[str | None]

    __table_args__ = (Index("ix_sessions_user_id", "user_id"),)


class ApiToken(Table):
    """A token for programs that read. Written by query (and by the `headwater` command)."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary())
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_api_tokens_user_id", "user_id"),)


class IngestKey(Table):
    """A key that may post events and read nothing. Written by query (and the command)."""

    __tablename__ = "ingest_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary())
    previous_secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary())
    previous_valid_until: Mapped[datetime | None]
    """After a rotation the old secret goes on working until then."""
    application: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    """`browser`: public, origins required, source forced to frontend. `server`: secret."""
    origins: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=text("'{}'"))
    may_backfill: Mapped[bool] = mapped_column(server_default="false")
    events_per_minute: Mapped[int | None]
    """None takes the default of the key's kind."""
    is_enabled: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

    __table_args__ = (
        CheckConstraint("kind IN ('browser', 'server')", name="kind"),
        CheckConstraint(
            "kind <> 'browser' OR (cardinality(origins) > 0 AND NOT may_backfill)",
            name="browser_needs_origins",
        ),
    )


class AuditEntry(Table):
    """Something an admin changed. Written by query (and by the `headwater` command)."""

    __tablename__ = "audit_log"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))

    __table_args__ = (Index("ix_audit_log_at", "at"),)
