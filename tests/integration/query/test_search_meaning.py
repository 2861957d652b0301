"""One meaning of a search: hot slices, sealed slices and the live tail find the same events."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.clock import SystemClock
from libs.common.events import LogRow
from services.query.domain.conditions import Condition, within
from services.query.domain.log_filters import parse_log_query
from services.query.domain.matching import Block, numbers
from services.query.domain.pages import PageAsk
from services.query.domain.scope import EVERYTHING, Scope
from services.query.store.events import EventStore, Search
from services.query.store.kinds import LOGS
from tests.integration.query.house import LOG_COLUMNS, House, open_house
from tests.integration.query.sealing import seal

VECTOR_FILE = Path(__file__).parents[2] / "vectors" / "search_text.jsonl"
VECTORS = [json.loads(line) for line in VECTOR_FILE.read_text().splitlines()]
SEALED_DAY = datetime(2026, 11, 22, tzinfo=UTC)
HOT_DAY = datetime(2026, 11, 23, tzinfo=UTC)
BUDGET = timedelta(seconds=20)


async def found(house: House, condition: Condition, day: datetime, scope: Scope) -> list[int]:
    """Return the numbers of one day's rows, which stand in `session_id`."""
    store = EventStore(house.engine, SystemClock(), BUDGET)
    search = Search(condition, day, day + timedelta(days=1))
    page = await store.page(scope, LOGS, search, PageAsk(1000))
    assert page.searched_to is None
    assert not page.has_more
    return sorted(int(item.session_id or "") for item in page.items)


def in_tail(rows: Sequence[LogRow], condition: Condition, scope: Scope) -> list[int]:
    block = Block(rows)
    return list(numbers(block.matches(within(scope)) & block.matches(condition)))


async def add_both(house: House, logs: Sequence[dict[str, Any]]) -> list[LogRow]:
    """Store the same logs in a sealed and in a hot slice; return them as Kafka carries them."""
    for day in (SEALED_DAY, HOT_DAY):
        stored = await house.add_logs(
            {**log, "session_id": str(number), "created_at": day + timedelta(minutes=number)}
            for number, log in enumerate(logs)
        )
        if day == SEALED_DAY:
            await seal(house, day)
    return [
        msgspec.convert(
            [
                json.dumps(row[name])
                if name == "extra_data" and row[name] is not None
                else row[name]
                for name in LOG_COLUMNS
            ],
            LogRow,
        )
        for row in stored
    ]


async def test_text_means_the_same_everywhere(house: House) -> None:
    rows = await add_both(house, [{"message": vector["message"]} for vector in VECTORS])
    wrong = []
    for number, vector in enumerate(VECTORS):
        condition = parse_log_query([("text", vector["text"])]).filters.condition()
        answers = {
            "hot": number in await found(house, condition, HOT_DAY, EVERYTHING),
            "sealed": number in await found(house, condition, SEALED_DAY, EVERYTHING),
            "tail": number in in_tail(rows, condition, EVERYTHING),
        }
        if set(answers.values()) != {vector["found"]}:
            wrong.append((vector, answers))
    assert wrong == []


TEXT = st.sampled_from(["a", "B", "abc", "x%", "_", "\\", "Ärger", "ä'--", '"', "中", "İ", "Σς"])
EXTRA = st.none() | st.dictionaries(
    st.sampled_from(["k", "a", "a.b"]),
    st.sampled_from(
        ["x", "1", 1, 1.0, 1.5, True, None, {"b": "x"}, {"b": 1}, [1], [{"b": 1}], 10**20]
    ),
    max_size=2,
)
LOGS_TO_STORE = st.fixed_dictionaries(
    {
        "level": st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
        "application": st.sampled_from(["shop", "blog"]),
        "message": st.lists(TEXT, min_size=1, max_size=3).map(" ".join),
        "module": st.none() | TEXT,
        "user_id": st.none() | st.sampled_from(["1", "2"]),
        "status_code": st.none() | st.sampled_from([200, 404, 499, 500, 503]),
        "duration_ms": st.none() | st.sampled_from([0.0, 1.5, 1000.0]),
        "extra_data": EXTRA,
    }
)
TERMS = st.sampled_from(
    [
        "a", "abc", "ärger", '"x%"', "b", "_", "中",
        "level:error", "level:>=warn", "level:(info OR debug)",
        "module:abc", "module:*", 'module:"\\\\"',
        "status:5xx", "status:>=404", "status:(200 OR 500)", "duration:>1",
        "duration:1..2", "duration:1.5", "count:1", "user:1", "user:*", "app:shop", "method:*",
        "extra.k:x", "extra.k:1", "extra.k:1.5", "extra.k:true", "extra.k:null", "extra.k:*",
        "extra.a.b:x", "extra.a.b:1", "extra.a.b:*", "extra.a:*", "extra.k:(x OR 1)",
        "extra.k:100000000000000000000", "extra.k:1.0",
    ]
)  # fmt: skip
QUERIES = st.recursive(
    TERMS,
    lambda parts: (
        parts.map(lambda part: f"-({part})")
        | st.lists(parts, min_size=2, max_size=3).map(lambda some: f"({' '.join(some)})")
        | st.lists(parts, min_size=2, max_size=3).map(lambda some: f"({' OR '.join(some)})")
    ),
    max_leaves=5,
)
SCOPES = st.sampled_from([EVERYTHING, Scope(()), Scope((("blog", "2"), ("shop", "1")))])


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    logs=st.lists(LOGS_TO_STORE, min_size=1, max_size=12),
    queries=st.lists(st.tuples(QUERIES, SCOPES), min_size=1, max_size=10),
)
async def test_a_query_finds_the_same_everywhere(
    database: str, logs: list[dict[str, Any]], queries: list[tuple[str, Scope]]
) -> None:
    async with open_house(database) as house:
        await house.fetch("DROP TABLE IF EXISTS app_logs_20261122, app_logs_20261123")
        await house.fetch("DELETE FROM slices")
        await house.fetch("DELETE FROM slice_counts")
        rows = await add_both(house, logs)
        for query, scope in queries:
            condition = parse_log_query([("q", query)]).filters.condition()
            expected = in_tail(rows, condition, scope)
            assert await found(house, condition, HOT_DAY, scope) == expected, query
            assert await found(house, condition, SEALED_DAY, scope) == expected, query
