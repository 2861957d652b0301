"""Migrations on a filled database: up, down, up again, and equal to the models at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from libs.common.db.engine import sqlalchemy_url
from libs.common.db.migrate import (
    apply_index_policy,
    downgrade,
    head_revision,
    sealed_only_indexes,
    upgrade,
)
from libs.common.db.tables import Table

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EXAMPLES: dict[type, Any] = {
    str: "x",
    int: 1,
    float: 1.5,
    bool: True,
    bytes: b"x",
    datetime: NOON,
    Decimal: Decimal(2**128 - 1),
    list: ["x"],
}
CHOSEN = {
    ("dead_letters", "status"): "open",
    ("slices", "state"): "hot",
    ("slices", "upper_bound"): NOON.replace(day=2),
    ("users", "role"): "user",
    ("ingest_keys", "kind"): "server",
    ("alert_configs", "condition_operator"): ">",
}
FIRST_REVISIONS = ("0001", "0002")


@asynccontextmanager
async def connect(database_url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


async def fill(database_url: str, names: set[str] | None = None) -> None:
    """Put one row with a value in every column into tables; all of them by default."""
    made: dict[str, dict[str, Any]] = {}
    async with connect(database_url) as connection:
        for table in Table.metadata.sorted_tables:
            if names is not None and table.name not in names:
                continue
            if table.dialect_options["postgresql"]["partition_by"]:
                await connection.execute(
                    sa.text(
                        f"CREATE TABLE {table.name}_all PARTITION OF {table.name} "
                        "FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
                    )
                )
            row = {column.name: example(column, made) for column in table.columns}
            await connection.execute(sa.insert(table).values(row))
            made[table.name] = row


def example(column: sa.Column[Any], made: dict[str, dict[str, Any]]) -> Any:
    for key in column.foreign_keys:
        return made[key.column.table.name][key.column.name]
    if (column.table.name, column.name) in CHOSEN:
        return CHOSEN[column.table.name, column.name]
    if isinstance(column.type, JSONB):
        return {"x": [1, None]}
    if isinstance(column.type, sa.Uuid):
        return uuid4()
    return EXAMPLES[column.type.python_type]


async def row_counts(database_url: str) -> dict[str, int]:
    """Return the number of rows of every table of ours that exists."""
    async with connect(database_url) as connection:
        existing = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        counts = {}
        for table in Table.metadata.tables.values():
            if table.name in existing:
                statement = sa.select(sa.func.count()).select_from(table)
                counts[table.name] = (await connection.execute(statement)).scalar_one()
        return counts


async def differences(database_url: str) -> list[Any]:
    """Return what alembic finds different between the database and the models."""

    def compare(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": is_no_slice,
            },
        )
        found: list[Any] = compare_metadata(context, Table.metadata)
        return found

    async with connect(database_url) as connection:
        return await connection.run_sync(compare)


def is_no_slice(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out the leaves of partitioned tables: they are made at run time."""
    return kind != "table" or not str(name).endswith("_all")


async def index_names(database_url: str, table: str) -> set[str]:
    async with connect(database_url) as connection:
        rows = await connection.execute(
            sa.text("SELECT indexname FROM pg_indexes WHERE tablename = :table"), {"table": table}
        )
        return set(rows.scalars())


async def test_migrated_schema_is_the_one_of_the_models(empty_database: str) -> None:
    await upgrade(empty_database, eager_indexes=True)

    assert await differences(empty_database) == []


async def test_down_and_up_again_on_a_filled_database(empty_database: str) -> None:
    await upgrade(empty_database, eager_indexes=True)
    await fill(empty_database)
    counts = await row_counts(empty_database)
    assert set(counts.values()) == {1}

    await downgrade(empty_database, "base")
    assert await row_counts(empty_database) == {}

    await upgrade(empty_database, eager_indexes=True)
    assert await row_counts(empty_database) == dict.fromkeys(counts, 0)
    assert await differences(empty_database) == []


@pytest.mark.parametrize("revision", FIRST_REVISIONS)
async def test_each_step_down_and_up_keeps_the_rows_of_the_earlier_ones(
    empty_database: str, revision: str
) -> None:
    await upgrade(empty_database, revision=revision)
    earlier = set(await row_counts(empty_database))
    await upgrade(empty_database, eager_indexes=True)
    await fill(empty_database)

    await downgrade(empty_database, revision)
    assert await row_counts(empty_database) == dict.fromkeys(earlier, 1)

    await upgrade(empty_database, eager_indexes=True)
    counts = await row_counts(empty_database)
    assert {name for name, count in counts.items() if count == 1} == earlier
    assert await differences(empty_database) == []


async def test_migrating_twice_changes_nothing(empty_database: str) -> None:
    await upgrade(empty_database)
    await fill(empty_database)
    counts = await row_counts(empty_database)

    await upgrade(empty_database)

    assert await row_counts(empty_database) == counts
    async with connect(empty_database) as connection:
        version = await connection.execute(sa.text("SELECT version_num FROM alembic_version"))
        assert version.scalar_one() == head_revision()


async def test_indexes_of_sealed_slices_come_and_go_with_the_policy(empty_database: str) -> None:
    sealed_only = {str(index.name) for index in sealed_only_indexes()}
    tables = {index.table.name for index in sealed_only_indexes() if index.table is not None}
    await upgrade(empty_database)
    await fill(empty_database)

    async def present() -> set[str]:
        found = [await index_names(empty_database, table) for table in sorted(tables)]
        return sealed_only & set().union(*found)

    assert await present() == set()
    await apply_index_policy(empty_database, eager=True)
    assert await present() == sealed_only
    await apply_index_policy(empty_database, eager=True)
    assert await present() == sealed_only
    await apply_index_policy(empty_database, eager=False)
    assert await present() == set()


async def test_eager_indexes_reach_the_slices_that_are_there(empty_database: str) -> None:
    await upgrade(empty_database)
    await fill(empty_database, {"app_logs"})
    before = await index_names(empty_database, "app_logs_all")

    await apply_index_policy(empty_database, eager=True)
    added = await index_names(empty_database, "app_logs_all") - before

    on_logs = [i for i in sealed_only_indexes() if i.table is Table.metadata.tables["app_logs"]]
    assert len(added) == len(on_logs)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("slices", "state", "lukewarm"),
        ("slices", "upper_bound", NOON.replace(year=2000)),
        ("dead_letters", "status", "forgotten"),
        ("users", "role", "root"),
        ("ingest_keys", "kind", "toaster"),
        ("alert_configs", "condition_operator", "=~"),
    ],
)
async def test_database_itself_refuses_what_no_code_may_write(
    database: str, table: str, column: str, value: object
) -> None:
    model = Table.metadata.tables[table]
    row = {c.name: example(c, {}) for c in model.columns} | {column: value}

    with pytest.raises(IntegrityError, match="check constraint"):
        async with connect(database) as connection:
            await connection.execute(sa.insert(model).values(row))
