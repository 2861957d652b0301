"""Bring a database to the schema of this code: Alembic, then the index policy."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Index, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex

from libs.common.db.engine import sqlalchemy_url
from libs.common.db.tables import Table

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_KEY = 0x6865_6164_7761_7465


def head_revision() -> str:
    """Return the newest revision that this code knows."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if head is None:
        raise LookupError("no migrations found")
    return head


async def upgrade(
    database_url: str, *, eager_indexes: bool = False, revision: str = "head"
) -> None:
    """Migrate up to a revision; two callers at once wait for each other."""
    await _run(database_url, lambda config: command.upgrade(config, revision))
    if revision == "head":
        await apply_index_policy(database_url, eager=eager_indexes)


async def downgrade(database_url: str, revision: str) -> None:
    """Migrate down to a revision (`base` empties the database of Headwater)."""
    await _run(database_url, lambda config: command.downgrade(config, revision))


async def apply_index_policy(database_url: str, *, eager: bool) -> None:
    """Put the sealed-only indexes on the parents (eager), or take them away from there.

    Taking them away takes those of the slices too: these count as hot until they are sealed again.
    """
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            await connection.execute(text("SET LOCAL lock_timeout = '30s'"))
            for index in sealed_only_indexes():
                if eager:
                    await connection.execute(CreateIndex(index, if_not_exists=True))
                else:
                    await _drop_from_parent(connection, index)
    finally:
        await engine.dispose()


async def _drop_from_parent(connection: AsyncConnection, index: Index) -> None:
    found = await connection.scalar(
        text("SELECT to_regclass(quote_ident(:name)) IS NOT NULL"), {"name": index.name}
    )
    if found and index.table is not None:
        await connection.execute(text(f'DROP INDEX "{index.name}"'))
        await connection.execute(
            text("UPDATE slices SET state = 'hot' WHERE state = 'sealed' AND table_name = :table"),
            {"table": index.table.name},
        )


def sealed_only_indexes() -> list[Index]:
    """Return the indexes that a hot slice does without, in a fixed order."""
    return sorted(
        (
            index
            for table in Table.metadata.tables.values()
            for index in table.indexes
            if index.info.get("sealed_only")
        ),
        key=lambda index: str(index.name),
    )


async def _run(database_url: str, step: Callable[[Config], None]) -> None:
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=NullPool)

    def migrate(connection: Connection) -> None:
        # One migration at a time; the lock goes with the transaction, also when we are killed.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        step(config)

    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()
