"""Other vendors' clients, unchanged, through the gateway's doors to the query API."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.chromium import check_tools
from tests.e2e.running import Product, running_product, wait_for
from tests.e2e.vendors import (
    OTEL,
    SENTRY_BROWSER,
    SENTRY_NODE,
    SENTRY_PYTHON,
    SENTRY_VENDORS,
    VENDORS,
    Vendor,
    start_vendor,
)
from tests.stack import Stack

pytestmark = pytest.mark.timeout(240)

COUNT = 3
each = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)


@pytest.fixture(scope="module")
def printed(stack: Stack, run_folder: Path, template_database: str) -> Iterator[dict[str, Any]]:
    """What the clients printed, and the product that they sent to."""
    check_tools()
    with running_product(stack, run_folder, template_database) as running:
        printed = asyncio.run(send_all(running))
        yield {"product": running, **printed}


@pytest.fixture(scope="module")
def product(printed: dict[str, Any]) -> Product:
    running: Product = printed["product"]
    return running


async def send_all(product: Product) -> dict[str, Any]:
    """Let every client send messages, a log, an exception and samples, and flush at its end."""

    async def send(vendor: Vendor) -> dict[str, Any]:
        key = product.key_for(is_browser=vendor.is_browser)
        url = str(product.ingest.base_url)
        run = await start_vendor(vendor, url, key, count=COUNT, throws=True)
        return await run.end()

    results = await asyncio.gather(*map(send, VENDORS))
    return dict(zip([vendor.name for vendor in VENDORS], results, strict=True))


def thrown(product: Product, vendor: Vendor) -> asyncpg.Record:
    """Return the exception that a client sent."""
    rows = wait_for(
        lambda: product.rows(
            """SELECT exception_type, message, stacktrace::text, cause::text, source, trace_id,
                      environment, extra_data
                 FROM app_exceptions WHERE release = $1""",
            vendor.name,
        )
    )
    (row,) = rows
    found: asyncpg.Record = row
    return found


@each
def test_messages_are_found_by_the_query_api(product: Product, vendor: Vendor) -> None:
    expected = [f"{vendor.name}-{number}" for number in range(COUNT)]

    def found() -> list[dict[str, Any]] | None:
        items = product.search(release=vendor.name)
        said = [item for item in items if item["message"] in expected]
        return said if len(said) >= COUNT else None

    items = wait_for(found)
    assert sorted(item["message"] for item in items) == expected
    assert "hunter2" not in json.dumps(items)
    levels = {item["level"] for item in items}
    assert levels == ({"WARNING"} if vendor is OTEL else {"INFO"})


@each
def test_an_exception_comes_with_its_stack(product: Product, vendor: Vendor) -> None:
    row = thrown(product, vendor)
    types = {OTEL: "KeyError", SENTRY_PYTHON: "RuntimeError"}
    assert row["exception_type"] == types.get(vendor, "TypeError")
    assert row["message"] == ("no cart" if vendor is OTEL else f"{vendor.name}-thrown")
    assert "hunter2" not in "".join(str(value) for value in row.values())
    frames = json.loads(row["stacktrace"])
    if vendor is OTEL:
        assert "raise KeyError" in json.dumps(frames)
        return
    innermost = {SENTRY_PYTHON: "_throw", SENTRY_BROWSER: "window.runClient"}
    assert frames[0]["function"] == innermost.get(vendor, "?")
    (cause,) = json.loads(row["cause"])
    assert cause["type"] == ("KeyError" if vendor is SENTRY_PYTHON else "Error")
    assert row["trace_id"]
    assert row["environment"] == "production"


def test_local_variables_are_kept_without_their_secrets(product: Product) -> None:
    frames = json.loads(thrown(product, SENTRY_PYTHON)["stacktrace"])
    assert frames[0]["vars"] == {"name": "'sentry-python'", "password": "[REDACTED]"}


@pytest.mark.parametrize("vendor", SENTRY_VENDORS, ids=lambda vendor: vendor.name)
def test_structured_logs(product: Product, vendor: Vendor) -> None:
    text = "logged 3" if vendor is SENTRY_PYTHON else "logged"
    (item,) = wait_for(
        lambda: [one for one in product.search(release=vendor.name) if one["message"] == text]
    )
    assert item["level"] == "WARNING"
    assert item["environment"] == "production"


@pytest.mark.parametrize("vendor", [SENTRY_PYTHON, SENTRY_NODE], ids=lambda vendor: vendor.name)
def test_a_transaction_is_a_sample(product: Product, vendor: Vendor) -> None:
    rows = wait_for(
        lambda: product.rows(
            "SELECT * FROM performance_samples WHERE release = $1 ORDER BY kind", vendor.name
        )
    )
    kinds = ["query", "request"] if vendor is SENTRY_PYTHON else ["request"]
    assert [row["kind"] for row in rows] == kinds
    assert (rows[-1]["request_method"], rows[-1]["request_path"]) == ("GET", "/orders/{id}")
    assert rows[-1]["duration_ms"] >= 1_000
    if vendor is SENTRY_PYTHON:
        assert rows[0]["statement"] == "SELECT * FROM orders WHERE id = ?"


def test_a_page_posts_without_a_preflight(printed: dict[str, Any]) -> None:
    page = printed[SENTRY_BROWSER.name]
    assert page["preflights"] == []
    assert set(page["answers"]) == {"200"}
