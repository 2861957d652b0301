"""Where an installation's database and Kafka are: in the environment, or else in a running home."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from headwater.home import Home, read_state
from headwater.settings import StackSettings
from headwater.stack.errors import StackError
from libs.common.kafka.connection import connection_options
from libs.common.settings import KafkaSettings


def database_url(home: Path) -> str:
    """Return the database's address; raises StackError where neither knows it."""
    given = StackSettings().database_url
    if given is not None:
        return given.get_secret_value()
    return _of_running(home, read_state(Home(home)).database_url, "HEADWATER_DATABASE_URL")


def kafka_connection(home: Path) -> dict[str, Any]:
    """Return the arguments for aiokafka's clients; raises StackError where neither knows them."""
    given = StackSettings().kafka_bootstrap
    bootstrap = given or _of_running(
        home, read_state(Home(home)).kafka_bootstrap, "HEADWATER_KAFKA_BOOTSTRAP"
    )
    return connection_options(KafkaSettings(bootstrap=bootstrap))


def _of_running(home: Path, address: str, variable: str) -> str:
    if not address:
        raise StackError(f"nothing runs in {home}: start it with `headwater up`, or set {variable}")
    return address


@asynccontextmanager
async def open_database(home: Path) -> AsyncIterator[asyncpg.Connection]:
    """Connect to the installation's database; raises StackError where nothing is known of it."""
    connection = await asyncpg.connect(database_url(home))
    try:
        yield connection
    finally:
        await connection.close()
