"""A slice of `app_logs` with the indexes of a sealed one, for tests of readers."""

from datetime import datetime

import asyncpg

from tests.integration.query.house import House, slice_name


async def seal(house: House, day: datetime) -> None:
    """Give a day's slice the indexes that sealing builds, and its state."""
    name = slice_name(day)
    connection = await asyncpg.connect(house.database_url)
    try:
        await connection.execute(
            f"""
            CREATE EXTENSION IF NOT EXISTS pg_trgm;
            CREATE INDEX ON "{name}" (trace_id);
            CREATE INDEX ON "{name}" (user_id, created_at);
            CREATE INDEX ON "{name}" (module);
            CREATE INDEX ON "{name}" USING gin (extra_data jsonb_path_ops);
            CREATE INDEX ON "{name}" USING gin (message gin_trgm_ops);
            """
        )
        await connection.execute(f'VACUUM (FREEZE, ANALYZE) "{name}"')
        await connection.execute("UPDATE slices SET state = 'sealed' WHERE name = $1", name)
    finally:
        await connection.close()
