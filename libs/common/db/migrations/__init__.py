"""Alembic migrations; run by `libs.common.db.migrate`."""
