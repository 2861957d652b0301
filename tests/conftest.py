"""Fixtures for everybody: the shared servers, and a fresh database and topic for a test."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
import structlog

from tests.stack import (
    Stack,
    create_topic,
    make_run_folder,
    make_template,
    parts_for,
    run_on_server,
    unique_telemetry,
)
from tests.workers import is_worker, put_long_files_first, use_own_ports

# A law says what is answered, not how soon: a busy machine takes longer than Hypothesis expects.
hypothesis.settings.register_profile("headwater", deadline=None)
hypothesis.settings.load_profile("headwater")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare a worker before it starts servers."""
    use_own_ports(config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the random order, but within groups of files that take about as long."""
    if is_worker(config):
        put_long_files_first(items)


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """Show errors without local variables: with all of them one takes seconds to write."""
    *others, _ = structlog.get_config()["processors"]
    shown = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, shown])


@pytest.fixture(scope="session")
def run_folder() -> Iterator[Path]:
    """A folder of this test run for servers' homes; short, and open to PostgreSQL's own user."""
    folder = make_run_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(run_folder: Path) -> Iterator[Stack]:
    """Real Kafka (one node) and real PostgreSQL, started when the first test asks for them."""
    parts = parts_for(run_folder)
    try:
        yield parts.start()
    finally:
        parts.stop()


@pytest.fixture(scope="session")
def template_database(stack: Stack) -> str:
    """Name of a migrated, empty database."""
    return asyncio.run(make_template(stack))


@pytest.fixture
async def database(stack: Stack, template_database: str) -> AsyncIterator[str]:
    """Address of a migrated database of the test's own."""
    name = f"test_{uuid4().hex[:12]}"
    await run_on_server(
        stack, f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY file_copy'
    )
    yield stack.database_url(name)
    await run_on_server(stack, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def empty_database(stack: Stack) -> AsyncIterator[str]:
    """Address of a database of the test's own without any table."""
    name = f"test_{uuid4().hex[:12]}"
    await run_on_server(stack, f'CREATE DATABASE "{name}"')
    yield stack.database_url(name)
    await run_on_server(stack, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def telemetry(stack: Stack) -> str:
    """Name of a telemetry topic of the test's own, with three partitions."""
    topic = unique_telemetry(partition_count=3)
    await create_topic(stack, topic)
    return topic.name
