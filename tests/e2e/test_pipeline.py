"""From a posted batch to rows and to the query API, through the three real processes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.clock import SystemClock
from libs.common.ids import new_uuid7
from tests.e2e.running import (
    BATCHES,
    LOGS,
    PATIENCE_SECONDS,
    Product,
    running_product,
    wait_for,
)
from tests.stack import Stack

CLOCK = SystemClock()
TRACE_ID = "X-Trace-Id"


@pytest.fixture(scope="module")
def product(stack: Stack, run_folder: Path, template_database: str) -> Iterator[Product]:
    with running_product(stack, run_folder, template_database) as running:
        yield running


def a_log(trace_id: str, **fields: Any) -> dict[str, Any]:
    """Return a log event of now."""
    return {"kind": "log", "message": "parcel left", "trace_id": trace_id, **fields}


def new_trace() -> str:
    return uuid4().hex


def test_a_log_comes_back_redacted(product: Product) -> None:
    trace_id = new_trace()
    answer = product.post(
        a_log(
            trace_id,
            level="warn",
            message="login with password=hunter2 refused, card 4111 1111 1111 1111",
            extra_data={"cart": 3, "auth": {"access_token": "abcdef", "kind": "cookie"}},
        )
    )
    assert (answer["accepted"], answer["rejected"]) == (1, [])
    (item,) = product.wait_for_logs(trace_id)
    assert item["level"] == "WARNING"
    assert item["application"] == "shop"
    assert "hunter2" not in item["message"]
    assert "4111" not in item["message"]
    assert item["extra_data"]["cart"] == 3
    assert item["extra_data"]["auth"] == {"access_token": "[REDACTED]", "kind": "cookie"}
    assert product.query.get(f"{LOGS}/{item['id']}").json() == item


def test_every_kind_lands_in_its_table(product: Product) -> None:
    trace_id = new_trace()
    thrown = {
        "type": "TypeError",
        "value": "x is not a function",
        "stacktrace": [{"filename": "a.js", "lineno": 3}],
        "cause": [{"type": "Error", "value": "no basket"}],
    }
    timed = {"trace_id": trace_id, "request_path": "/api/v1/orders/{id}", "request_method": "GET"}
    answer = product.post(
        a_log(trace_id),
        {"kind": "exception", "trace_id": trace_id, "exception": thrown},
        {"kind": "request", **timed, "duration_ms": 1_400.5, "status_code": 200},
        {"kind": "request", **timed, "duration_ms": 12, "status_code": 200},
        {
            "kind": "query",
            "trace_id": trace_id,
            "statement": "SELECT * FROM orders WHERE id = 7 AND name = 'Ann'",
            "duration_ms": 620,
        },
    )
    assert answer["accepted"] == 5
    product.wait_for_logs(trace_id)
    (exception,) = product.rows("SELECT * FROM app_exceptions WHERE trace_id = $1", trace_id)
    assert exception["exception_type"] == "TypeError"
    assert exception["message"] == "x is not a function"
    assert json.loads(exception["stacktrace"]) == thrown["stacktrace"]
    assert json.loads(exception["cause"]) == thrown["cause"]
    samples = product.rows(
        "SELECT * FROM performance_samples WHERE trace_id = $1 ORDER BY duration_ms", trace_id
    )
    assert [sample["duration_ms"] for sample in samples] == [620, 1_400.5]
    assert samples[0]["statement"] == "SELECT * FROM orders WHERE id = ? AND name = ?"


def test_the_same_batch_twice_is_stored_once(product: Product) -> None:
    trace_id, batch_id = new_trace(), str(uuid4())
    event = a_log(trace_id, created_at=CLOCK.now().isoformat())
    first = product.post(event, {"kind": "log"}, batch_id=batch_id)
    again = product.post(event, {"kind": "log"}, batch_id=batch_id)
    for name in ("batch_id", "accepted", "rejected"):
        assert first[name] == again[name]
    assert first["rejected"] == [{"index": 1, "reason": "missing_message"}]
    assert first["receipt"]["partition"] == again["receipt"]["partition"]
    later = new_trace()
    product.post(a_log(later))
    product.wait_for_logs(later)
    wait_for(
        lambda: product.rows(
            "SELECT 1 FROM consumer_offsets WHERE partition = $1 AND next_offset > $2",
            again["receipt"]["partition"],
            again["receipt"]["offset"],
        )
    )
    assert len(product.search(trace_id=trace_id)) == 1


def test_every_answer_names_its_trace(product: Product) -> None:
    given_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = {"traceparent": f"00-{given_id}-00f067aa0ba902b7-01"}
    asks: tuple[Callable[[dict[str, str]], httpx.Response], ...] = (
        lambda headers: product.ingest.post(
            BATCHES, json={"events": [a_log(given_id)]}, headers=headers
        ),
        lambda headers: product.ingest.post(BATCHES, content=b"{", headers=headers),
        lambda headers: product.ingest.post(
            BATCHES, content=b"{}", headers={**headers, "Authorization": "Bearer hw_no_no"}
        ),
        lambda headers: product.query.get(LOGS, headers=headers),
        lambda headers: product.query.get(f"{LOGS}/{uuid4()}", headers=headers),
        lambda headers: product.query.get(LOGS, headers={**headers, "Authorization": "Bearer x"}),
    )
    statuses = []
    for ask in asks:
        assert ask({TRACE_ID: given_id}).headers[TRACE_ID] == given_id
        assert ask(parent).headers[TRACE_ID] == given_id
        made = [ask({}).headers[TRACE_ID] for _ in range(2)]
        assert made[0] != made[1]
        assert all(len(UUID(trace_id).hex) == 32 for trace_id in made)
        statuses.append(ask({}).status_code)
    assert statuses == [202, 400, 401, 200, 404, 401]


def test_complete_through_passes_what_was_acknowledged(product: Product) -> None:
    trace_id = new_trace()
    product.post(a_log(trace_id))
    acknowledged_at = CLOCK.now()

    def page() -> dict[str, Any] | None:
        document: dict[str, Any] = product.query.get(LOGS, params={"trace_id": trace_id}).json()
        through = document["complete_through"]
        done = through is not None and datetime.fromisoformat(through) > acknowledged_at
        return document if done else None

    # the very answer that says it is complete has to have the row
    assert len(wait_for(page)["items"]) == 1


def test_statistics_count_what_is_there(product: Product) -> None:
    module = f"module-{uuid4().hex[:8]}"
    trace_id = new_trace()
    levels = ["INFO"] * 3 + ["ERROR"] * 2
    product.post(*(a_log(trace_id, level=level, module=module, count=2) for level in levels))
    product.wait_for_logs(trace_id, len(levels))
    counted = product.query.get(f"{LOGS}/statistics", params={"module": module}).json()
    assert (counted["rows"], counted["count"]) == (5, 10)
    assert counted["by_level"] == {"INFO": 6, "ERROR": 4}


def test_a_dead_letter_is_replayed_once(product: Product) -> None:
    trace_id, letter_id = new_trace(), uuid4()
    now = CLOCK.now()
    (key,) = product.rows("SELECT id FROM ingest_keys WHERE kind = 'server'")
    row = {
        "created_at": now.isoformat(),
        "id": str(new_uuid7(now)),
        "received_at": now.isoformat(),
        "application": "shop",
        "source": "backend",
        "level": "ERROR",
        "message": "came back",
        "trace_id": trace_id,
        "count": 1,
    }
    product.rows(
        """INSERT INTO dead_letters (id, stage, reason, topic, partition, record_offset,
                application, key_id, received_at, batch_id, event_kind, payload)
            VALUES ($1, 'writer', 'refused', 't', 0, 0, 'shop', $2, $3, $4, 'log', $5)""",
        letter_id,
        key["id"],
        now,
        uuid4(),
        json.dumps(row),
    )
    path = f"/api/v1/admin/dead-letters/{letter_id}"
    replayed = product.query.post(f"{path}/replay")
    assert replayed.status_code == 202, replayed.text
    (item,) = product.wait_for_logs(trace_id)
    assert (item["id"], item["message"]) == (row["id"], "came back")
    wait_for(lambda: product.query.get(path).json()["status"] == "replayed")
    assert product.query.post(f"{path}/replay").status_code == 409
    assert len(product.search(trace_id=trace_id)) == 1


def test_health_says_that_the_ledger_balances(product: Product) -> None:
    def look() -> dict[str, Any]:
        health: dict[str, Any] = product.query.get("/api/v1/admin/health").json()
        return health

    def accepted(health: dict[str, Any]) -> int:
        return sum(hour["accepted"] for hour in health["ledger"]["hours"])

    before = accepted(look())
    product.post(a_log(new_trace()))
    # earlier tests' counts may balance already while this event's are not flushed yet
    health = wait_for(
        lambda: (found := look())["ledger"]["balanced"] and accepted(found) > before and found
    )
    assert health["ok"]
    assert health["stopped_partitions"] == []


# Letters of any script, spaces and dashes; nothing that a redaction rule could mean.
words = st.text(
    st.characters(exclude_categories=("C", "N", "Z", "P", "S", "M")), min_size=1, max_size=30
)
moments = st.integers(0, 6 * 24 * 3600 * 1000)
completely = st.fixed_dictionaries(
    {
        "level": st.sampled_from(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
        "message": st.lists(words, min_size=1, max_size=6).map(" ".join),
        "source": words,
        "session_id": words,
        "user_id": words,
        "module": words,
        "request_path": words.map(lambda word: f"/{word}"),
        "request_method": st.sampled_from(("GET", "POST", "PATCH")),
        "status_code": st.integers(0, 999),
        "duration_ms": st.floats(0, 1e6),
        "count": st.integers(1, 1_000),
        "extra_data": st.dictionaries(words, st.one_of(words, st.booleans(), st.integers(0, 99))),
    }
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fields=completely, age_ms=moments)
def test_property_1_log_completeness(product: Product, fields: dict[str, Any], age_ms: int) -> None:
    """Seed Property 1: an accepted log is stored with every field that its sender gave."""
    trace_id = new_trace()
    now = CLOCK.now()
    created_at = now.replace(microsecond=0) - timedelta(milliseconds=age_ms)
    product.post(a_log(trace_id, created_at=created_at.isoformat(), **fields))
    (item,) = product.wait_for_logs(trace_id)
    expected = {**fields, "extra_data": fields["extra_data"] or None}
    assert {name: item[name] for name in expected} == expected
    assert datetime.fromisoformat(item["created_at"]) == created_at
    assert datetime.fromisoformat(item["received_at"]) >= now
    assert UUID(item["id"]).version == 7


good_or_bad = st.lists(
    st.sampled_from(("log", "log", "slow", "fast", "no message", "no kind", "bad level")),
    min_size=1,
    max_size=40,
)
_EVENTS: dict[str, dict[str, Any]] = {
    "log": {"kind": "log", "message": "taken"},
    "slow": {"kind": "request", "duration_ms": 2_000},
    "fast": {"kind": "request", "duration_ms": 2},
    "no message": {"kind": "log"},
    "no kind": {"kind": "poem", "message": "x"},
    "bad level": {"kind": "log", "message": "x", "level": "loud"},
}
_IS_GOOD = {"log", "slow", "fast"}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kinds=good_or_bad, is_broken=st.booleans())
def test_property_10_batch_atomicity(product: Product, kinds: list[str], is_broken: bool) -> None:
    """Seed Property 10: of a batch, all accepted events are seen at once, or none ever."""
    trace_id = new_trace()
    events = [{**_EVENTS[kind], "trace_id": trace_id} for kind in kinds]
    body = json.dumps({"batch_id": str(uuid4()), "events": events}).encode()
    if is_broken:
        assert product.ingest.post(BATCHES, content=body[:-1]).status_code == 400
        expected = 0
    else:
        answer = product.ingest.post(BATCHES, content=body).json()
        assert answer["accepted"] == sum(kind in _IS_GOOD for kind in kinds)
        assert [one["index"] for one in answer["rejected"]] == [
            index for index, kind in enumerate(kinds) if kind not in _IS_GOOD
        ]
        expected = sum(kind in ("log", "slow") for kind in kinds)
    after = new_trace()
    product.post(a_log(after))
    seen = asyncio.run(_watch_trace(product.database_url, trace_id, after, expected))
    assert seen <= {0, expected}
    assert expected in seen


async def _watch_trace(url: str, trace_id: str, after: str, expected: int) -> set[int]:
    """Return every number of rows of a trace that was seen, until all and a later log are there."""
    connection = await asyncpg.connect(url)
    seen = set()
    until = CLOCK.monotonic() + PATIENCE_SECONDS
    since = CLOCK.now() - timedelta(minutes=1)
    try:
        while CLOCK.monotonic() < until:
            row = await connection.fetchrow(
                """SELECT (SELECT count(*) FROM app_logs
                            WHERE trace_id = $1 AND created_at > $3)
                        + (SELECT count(*) FROM performance_samples
                            WHERE trace_id = $1 AND created_at > $3) AS found,
                    EXISTS (SELECT FROM app_logs
                            WHERE trace_id = $2 AND created_at > $3) AS is_after""",
                trace_id,
                after,
                since,
            )
            seen.add(row["found"])
            if row["is_after"] and row["found"] >= expected:
                return seen
    finally:
        await connection.close()
    raise AssertionError(f"not within {PATIENCE_SECONDS} s, seen {seen} of {expected}")
