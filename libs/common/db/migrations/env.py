"""Alembic's entry: runs on the connection that `libs.common.db.migrate` hands over."""

from alembic import context

from libs.common.db.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
