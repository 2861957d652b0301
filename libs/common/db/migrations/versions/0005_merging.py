"""What merging leaves to be dropped, and up to where pending lists were cleaned."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make room for both."""
    op.create_table(
        "slice_leftovers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_slice_leftovers")),
    )
    op.add_column("slices", sa.Column("cleaned_row_count", sa.BigInteger(), nullable=True))
    op.add_column("slices", sa.Column("cleaned_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop the leftovers with their list; merged slices stay as they are."""
    for name in op.get_bind().execute(sa.text("SELECT name FROM slice_leftovers")).scalars():
        op.drop_table(name, if_exists=True)
    op.drop_column("slices", "cleaned_at")
    op.drop_column("slices", "cleaned_row_count")
    op.drop_table("slice_leftovers")
