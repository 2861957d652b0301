"""What other vendors' clients lose: nothing in an outage, and what they are refused they report."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from headwater.stack import KafkaOptions, LocalKafka
from libs.common.db.accounts import NewIngestKey, create_ingest_key
from libs.common.db.engine import create_engine
from tests.chromium import check_tools
from tests.e2e.running import Product, running_product, wait_for
from tests.e2e.vendors import OTEL, SENTRY_VENDORS, VENDORS, Vendor, start_vendor
from tests.stack import Stack

pytestmark = pytest.mark.timeout(240)

OUTAGE_SECONDS = 10
OUTAGE_COUNT = 50
OUTAGE_INTERVAL_S = 0.3
QUOTA = 10
QUOTA_COUNT = 30
ANSWERS = ("headwater_ingest_requests_total", "status")
LOSSES = ("headwater_ingest_client_losses_total", "reason")


@dataclass(frozen=True)
class Scene:
    """A product with a broker of its own that can be frozen."""

    product: Product
    kafka: LocalKafka


@pytest.fixture(scope="module")
def scene(stack: Stack, run_folder: Path, template_database: str) -> Iterator[Scene]:
    check_tools()
    kafka = LocalKafka(run_folder / f"kafka-{uuid4().hex[:6]}", options=KafkaOptions("256m", True))
    asyncio.run(kafka.start())
    try:
        own = replace(stack, kafka_bootstrap=kafka.bootstrap)
        with running_product(own, run_folder, template_database) as product:
            yield Scene(product, kafka)
    finally:
        kafka.node(1).thaw()
        asyncio.run(kafka.stop())


def test_a_restart_and_an_outage_lose_nothing(scene: Scene) -> None:
    """The gateway restarts and Kafka says nothing for ten seconds while all clients send."""
    product = scene.product
    asyncio.run(send_through_trouble(scene))
    answered = metric(product, *ANSWERS)
    assert answered["503"] > 0  # OpenTelemetry's exporter was told to come again, and did
    reported = metric(product, *LOSSES)
    wait_for(lambda: is_settled(product))
    lost: Counter[str] = Counter()
    for vendor in VENDORS:
        expected = Counter(f"{vendor.name}-{number}" for number in range(OUTAGE_COUNT))
        found = stored(product, vendor)
        assert found - expected == Counter()
        lost[vendor.name] = (expected - found).total()
    assert lost[OTEL.name] == 0
    assert (lost.total(), answered["429"]) == (reported.total(), 0), (lost, reported, answered)


async def send_through_trouble(scene: Scene) -> None:
    """Let all clients send for some twenty seconds, with the trouble in the middle."""
    product, gateway, broker = scene.product, scene.product.processes[0], scene.kafka.node(1)
    options = {
        "count": OUTAGE_COUNT,
        "interval_s": OUTAGE_INTERVAL_S,
        "waits": True,
        "leaves": True,
    }
    url = str(product.ingest.base_url)
    runs = [
        await start_vendor(vendor, url, product.key_for(is_browser=vendor.is_browser), **options)
        for vendor in VENDORS
    ]
    await asyncio.gather(*(run.wait_ready() for run in runs))
    sends = [asyncio.create_task(run.end()) for run in runs]
    await asyncio.sleep(1)
    assert await gateway.stop() == 0
    await gateway.start()
    await asyncio.sleep(1)
    broker.freeze()
    await asyncio.sleep(OUTAGE_SECONDS)
    broker.thaw()
    await asyncio.gather(*sends)


def test_what_is_refused_is_what_clients_report(scene: Scene) -> None:
    """Over its quota: sent = stored + answered 429 + said in client reports."""
    product = scene.product
    refused_before = metric(product, *ANSWERS)["429"]
    reported_before = metric(product, *LOSSES)

    async def send(vendor: Vendor) -> int:
        key = await make_key(product, vendor)
        named = replace(vendor, name=f"{vendor.name}-quota")
        url = str(product.ingest.base_url)
        run = await start_vendor(
            named, url, key, count=QUOTA_COUNT, interval_s=0.05, leaves=True, waits=True
        )
        await run.wait_ready()
        await wait_until_known(product, key)
        return int((await run.end())["sent"])

    async def send_all() -> int:
        return sum(await asyncio.gather(*map(send, SENTRY_VENDORS)))

    sent = asyncio.run(send_all())
    refused = metric(product, *ANSWERS)["429"] - refused_before
    names = [replace(vendor, name=f"{vendor.name}-quota") for vendor in SENTRY_VENDORS]
    wait_for(lambda: sum(stored(product, name).total() for name in names) == QUOTA * len(names))
    by_reason = metric(product, *LOSSES) - reported_before
    assert set(by_reason) == {"ratelimit_backoff"}
    assert refused >= len(names)
    assert sent == QUOTA * len(names) + refused + by_reason.total()


async def test_opentelemetry_waits_for_its_quota(scene: Scene) -> None:
    """A 429 says when to come again; once there is room the record is taken."""
    product, named = scene.product, replace(OTEL, name="otel-quota")
    key = await make_key(product, named)
    url = str(product.ingest.base_url)
    before = await asyncio.to_thread(metric, product, *ANSWERS)
    options = {"count": QUOTA + 1, "pause_after": QUOTA, "waits": True}
    run = await start_vendor(named, url, key, **options)
    await run.wait_ready()
    await wait_until_known(product, key)
    sending = asyncio.create_task(run.end())
    while (await asyncio.to_thread(metric, product, *ANSWERS))["429"] == before["429"]:
        assert not sending.done()
        await asyncio.sleep(0.1)
    await asyncio.to_thread(lift_quota, product, key)
    await sending
    await asyncio.to_thread(wait_for, lambda: stored(product, named).total() == QUOTA + 1)
    assert set((await asyncio.to_thread(stored, product, named)).values()) == {1}


async def wait_until_known(product: Product, key: str) -> None:
    """Wait until the gateway has read a new key, which takes five seconds at the most."""
    async with httpx.AsyncClient(base_url=product.ingest.base_url) as client:
        headers = {"origin": "http://127.0.0.1"}
        while True:
            path = f"/api/1/envelope/?sentry_key={key}"
            if (await client.post(path, content=b"{}", headers=headers)).status_code == 200:
                return
            await asyncio.sleep(0.2)


def lift_quota(product: Product, key: str) -> None:
    """Let a key post as much as it likes."""
    product.rows("UPDATE ingest_keys SET events_per_minute = NULL WHERE id = $1", key.split("_")[1])


async def make_key(product: Product, vendor: Vendor) -> str:
    """Make a key that may post few events a minute."""
    engine = create_engine(product.database_url, "tests", pool_size=1)
    kind, origins = ("browser", ("*",)) if vendor.is_browser else ("server", ())
    try:
        async with engine.begin() as connection:
            new = NewIngestKey("shop", kind, vendor.name, origins, events_per_minute=QUOTA)
            made = await create_ingest_key(connection, new, "test")
    finally:
        await engine.dispose()
    return made.text


def metric(product: Product, name: str, label: str) -> Counter[str]:
    """Return a counter of the gateway by one of its labels."""
    found: Counter[str] = Counter()
    text = product.ingest.get("/metrics").text
    for match in re.finditer(rf"^{name}{{(.*)}} ([0-9.e+]+)$", text, re.M):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', match[1]))
        found[labels[label]] += int(float(match[2]))
    return found


def stored(product: Product, vendor: Vendor) -> Counter[str]:
    """Return how often each message of a client is stored."""
    rows = product.rows("SELECT message FROM app_logs WHERE release = $1", vendor.name)
    return Counter(row["message"] for row in rows)


def is_settled(product: Product) -> bool:
    """Tell whether the ledger agrees: accepted events are stored or known copies.

    No more than those and the ones that were perhaps taken besides, at most.
    """

    def row(statement: str) -> dict[str, int]:
        (found,) = product.rows(statement)
        return {name: int(value or 0) for name, value in found.items()}

    taken = row("SELECT sum(accepted) AS accepted, sum(unknown) AS unknown FROM ledger_received")
    kept = row("SELECT sum(stored) AS stored, sum(duplicate) AS duplicate FROM ledger_stored")
    total = sum(kept.values())
    return taken["accepted"] <= total <= taken["accepted"] + taken["unknown"]
