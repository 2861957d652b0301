from collections.abc import Iterator

import pytest

from tests.unit.python_sdk.making import Watched


@pytest.fixture
def watched() -> Iterator[Watched]:
    """A client that is closed in the end."""
    made = Watched()
    yield made
    made.client.close(0)
