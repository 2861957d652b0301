"""One gateway for all tests that break nothing."""

from collections.abc import Iterator

import pytest

from tests.integration.ingest.house import Gateway, running_gateway
from tests.stack import Stack


@pytest.fixture(scope="session")
def gateway(stack: Stack, template_database: str) -> Iterator[Gateway]:
    """A running gateway; each test tells its own batches by their ids."""
    with running_gateway(stack, template_database) as gateway:
        yield gateway
