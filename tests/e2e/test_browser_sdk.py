"""The browser SDK in real Chromium: by script alone, and with the real gateway behind the script.

A case about delivery runs through the gateway in every run, and by script alone in the long one.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chromium import CaseResult, run_cases
from tests.e2e.running import BATCHES, Product, running_product, wait_for
from tests.stack import Stack

pytestmark = pytest.mark.timeout(600)

GATEWAY_CASES = (*range(1, 13), 19, 22, 26, 34)
"""Those about delivery. A script breaks the wire, what is taken goes through the gateway."""
SCRIPTED_CASES = tuple(number for number in range(1, 40) if number not in GATEWAY_CASES)
SOAK_CASE = 40


@pytest.fixture(scope="module")
def scripted(browser_sdk: None, run_folder: Path) -> list[CaseResult]:
    """Run the cases that need no gateway, against a collector that answers by script."""
    cases = {"CASES": ",".join(map(str, SCRIPTED_CASES))}
    return run_cases("cases.test.js", run_folder / "cases.xml", cases)


@pytest.mark.parametrize("number", SCRIPTED_CASES)
def test_case_with_a_scripted_collector(scripted: list[CaseResult], number: int) -> None:
    assert failures(scripted, number) == ""


@pytest.mark.long
def test_all_cases_with_a_scripted_collector(browser_sdk: None, run_folder: Path) -> None:
    results = run_cases("cases.test.js", run_folder / "all_cases.xml")
    assert {result.number for result in results} == {*GATEWAY_CASES, *SCRIPTED_CASES}
    assert [result for result in results if result.failure is not None] == []


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_half_an_hour_on_a_flapping_network(browser_sdk: None, run_folder: Path) -> None:
    results = run_cases("soak.test.js", run_folder / "soak.xml", timeout_s=3000)
    assert failures(results, SOAK_CASE) == ""


def failures(results: list[CaseResult], number: int) -> str:
    """Return how a case failed, nothing where it did not; there has to be such a case."""
    found = [result for result in results if result.number == number]
    assert found, f"case {number} was not run"
    return "\n".join(result.failure for result in found if result.failure is not None)


@pytest.fixture(scope="module")
def product(stack: Stack, run_folder: Path, template_database: str) -> Iterator[Product]:
    with running_product(stack, run_folder, template_database) as running:
        yield running


@dataclass(frozen=True)
class Stored:
    """What one case says must be stored."""

    number: int
    release: str
    expected: dict[str, int]


@pytest.fixture(scope="module")
def through_gateway(
    browser_sdk: None, product: Product, run_folder: Path
) -> tuple[list[CaseResult], list[Stored]]:
    """Run the cases that are about delivery, with the real gateway behind the faults."""
    told = run_folder / "stored.json"
    environment = {
        "HEADWATER_ENDPOINT": str(product.ingest.base_url.join(BATCHES)),
        "HEADWATER_KEY": product.browser_key,
        "HEADWATER_REPORT": str(told),
    }
    results = run_cases("gateway.test.js", run_folder / "gateway.xml", environment)
    return results, [Stored(**one) for one in json.loads(told.read_text("utf-8"))]


@pytest.mark.parametrize("number", GATEWAY_CASES)
def test_case_through_the_gateway(
    through_gateway: tuple[list[CaseResult], list[Stored]], product: Product, number: int
) -> None:
    """Every event lies in PostgreSQL once, and none that the case does not know of."""
    results, stored = through_gateway
    assert failures(results, number) == ""
    told = [one for one in stored if one.number == number]
    assert len(told) == sum(result.number == number for result in results)
    for one in told:
        assert one.expected
        assert wait_for_rows(product, one) == Counter(one.expected)


def wait_for_rows(product: Product, told: Stored) -> Counter[str]:
    """Return what is stored once it is as much as expected."""
    total = sum(told.expected.values())
    wait_for(lambda: occurrences(product, told.release).total() >= total)
    return occurrences(product, told.release)


def occurrences(product: Product, release: str) -> Counter[str]:
    """Return how often each message of a release is stored."""
    rows = product.rows(
        """SELECT message, count FROM app_logs WHERE release = $1
            UNION ALL SELECT message, count FROM app_exceptions WHERE release = $1""",
        release,
    )
    found: Counter[str] = Counter()
    for row in rows:
        found[row["message"]] += row["count"]
    return found
