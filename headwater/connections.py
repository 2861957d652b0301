"""Where an installation's database and Kafka are: in the environment, or else in a running home."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from headwater.home import Home, State, read_state, runs
from headwater.invocation import own_command
from headwater.settings import StackSettings
from headwater.stack.errors import StackError
from libs.common.kafka.connection import connection_options
from libs.common.settings import KafkaSettings


def database_url(home: Path) -> str:
    """Return the database's address; raises StackError where neither knows it."""
    given = StackSettings().database_url
    if given is not None:
        return given.get_secret_value()
    state = read_state(Home(home))
    _check_runs(home, state, state.database_url, "HEADWATER_DATABASE_URL")
    return state.database_url


def kafka_connection(home: Path) -> dict[str, Any]:
    """Return the arguments for aiokafka's clients; raises StackError where neither knows them."""
    given = StackSettings().kafka_bootstrap
    if given is None:
        state = read_state(Home(home))
        _check_runs(home, state, state.kafka_bootstrap, "HEADWATER_KAFKA_BOOTSTRAP")
        given = state.kafka_bootstrap
    try:
        return connection_options(KafkaSettings(bootstrap=given))
    except ValueError as error:
        raise StackError(str(error)) from error


def _check_runs(home: Path, state: State, address: str, variable: str) -> None:
    if not (address and runs(Home(home), state)):
        raise StackError(
            f"nothing runs in {home}: "
            f"start it with `{own_command()} up --home {home}`, or set {variable}"
        )


@asynccontextmanager
async def open_database(home: Path) -> AsyncIterator[asyncpg.Connection]:
    """Connect to the installation's database; raises StackError where nothing is known of it."""
    connection = await asyncpg.connect(database_url(home))
    try:
        yield connection
    finally:
        await connection.close()
