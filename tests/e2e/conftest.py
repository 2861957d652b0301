"""The browser SDK as it is published, for every test that loads it."""

import pytest

from tests.chromium import build_sdk
from tests.workers import once_a_run


@pytest.fixture(scope="session")
def browser_sdk(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Build it once in a run: a second build would change files that pages are loading."""
    once_a_run(pytestconfig, tmp_path_factory.getbasetemp(), "browser-sdk", build_sdk)
