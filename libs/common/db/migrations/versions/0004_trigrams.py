"""Trigrams, for the index on messages of sealed slices."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the operator class available; the index itself is the slicer's and the policy's."""
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")


def downgrade() -> None:
    """Take it away, with the indexes that need it."""
    op.execute("UPDATE slices SET state = 'hot' WHERE state = 'sealed'")
    op.execute("DROP EXTENSION IF EXISTS pg_trgm CASCADE")
