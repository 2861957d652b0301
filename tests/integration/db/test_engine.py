"""What engines promise, whoever uses them."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.db.engine import create_engine


async def test_errors_tell_the_statement_but_not_its_values(database: str) -> None:
    engine = create_engine(database, "tests", pool_size=1)
    try:
        async with engine.connect() as connection:
            with pytest.raises(DBAPIError) as failure:
                await connection.execute(text("SELECT 1 / (length(:v) - 9)"), {"v": "topsecret"})
    finally:
        await engine.dispose()
    assert "division by zero" in str(failure.value)
    assert "topsecret" not in str(failure.value)
