"""Property 9 of the seed, log query filtering: the API answers what a naive filter finds."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.text import fold_case, parse_text
from tests.integration.query.house import House, open_house

LOGS = "/api/v1/logging/logs"
START = datetime(2026, 11, 22, 22, tzinfo=UTC)
TEXT = st.sampled_from(["a", "B", "a b", "x%", "_", "\\", "Ä", "ä'--", '"', "中", "İ", "Σς"])
OPTIONAL = st.none() | TEXT

rows = st.fixed_dictionaries(
    {
        "created_at": st.integers(0, 48).map(lambda n: START + timedelta(minutes=10 * n)),
        "level": st.sampled_from(["INFO", "ERROR"]),
        "source": TEXT,
        "message": st.lists(TEXT, min_size=1, max_size=3).map(" ".join),
        "module": OPTIONAL,
        "user_id": OPTIONAL,
        "status_code": st.none() | st.sampled_from([200, 404, 500]),
        "duration_ms": st.none() | st.sampled_from([0.0, 1.5, 1000.0]),
        "extra_data": st.none()
        | st.dictionaries(
            st.sampled_from(["k", "a"]),
            st.sampled_from(["x", "1", 1, 1.0, True, None, {"b": "x"}, {"b": 1}]),
            max_size=2,
        ),
    }
)
pair = st.one_of(
    st.tuples(st.sampled_from(["level", "level!"]), st.sampled_from(["INFO", "ERROR"])),
    st.tuples(
        st.sampled_from(["source", "source!", "module", "module!", "user_id", "user_id!"]), TEXT
    ),
    st.tuples(st.sampled_from(["status_code", "status_code!"]), st.sampled_from(["200", "500"])),
    st.tuples(
        st.sampled_from(["extra.k", "extra.k!", "extra.a.b", "extra.a.b!"]),
        st.sampled_from(["x", "1", "true", "null", "y"]),
    ),
)
ONCE = {
    "status_code_min": "404",
    "status_code_max": "404",
    "duration_ms_min": "1.5",
    "duration_ms_max": "1.5",
    "from": (START + timedelta(hours=2)).isoformat(),
    "to": (START + timedelta(hours=5)).isoformat(),
}
queries = st.tuples(
    st.lists(pair, max_size=3),
    st.lists(st.sampled_from(sorted(ONCE)), unique=True, max_size=2),
    st.none() | st.lists(TEXT, max_size=2).map(" ".join),
).map(
    lambda parts: [
        *parts[0],
        *((name, ONCE[name]) for name in parts[1]),
        *([] if parts[2] is None else [("text", parts[2])]),
    ]
)


def holds(row: dict[str, Any], path: str, text: str) -> bool:
    value: Any = row["extra_data"]
    for key in path.split("."):
        value = value.get(key, ...) if isinstance(value, dict) else ...
    forms: list[Any] = [text]
    if text in ("1", "true", "null"):
        forms.append(json.loads(text))
    return any(value == form and (type(value) is bool) == (type(form) is bool) for form in forms)


def is_meant(row: dict[str, Any], name: str, texts: list[str]) -> bool:
    field = name.removesuffix("!")
    if field.startswith("extra."):
        found = any(holds(row, field.removeprefix("extra."), text) for text in texts)
        return found != name.endswith("!")
    if name == "text":
        message = fold_case(row["message"])
        return all(fold_case(piece) in message for piece in parse_text(" ".join(texts)))
    if name in ("from", "to"):
        bound = datetime.fromisoformat(texts[0])
        return bool(row["created_at"] >= bound if name == "from" else row["created_at"] < bound)
    if name.endswith(("_min", "_max")):
        value = row[name[:-4]]
        limit = float(texts[0])
        return value is not None and (value >= limit if name.endswith("_min") else value <= limit)
    value = None if row[field] is None else str(row[field])
    return (value in texts) != name.endswith("!")


async def answer(client: httpx.AsyncClient, query: list[tuple[str, str]], limit: int) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        turn = [("cursor", cursor)] if cursor else []
        page = await client.get(LOGS, params=[*query, ("limit", str(limit)), *turn])
        assert page.status_code == 200, page.text
        found += [item["id"] for item in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return found


async def check(house: House, data: tuple[list[dict[str, Any]], list[Any], int]) -> None:
    raw, some_queries, limit = data
    await house.fetch("TRUNCATE app_logs")
    stored = await house.add_logs(raw)
    async with house.client(await house.token("admin@example.com", "admin")) as client:
        for query in some_queries:
            grouped: dict[str, list[str]] = {}
            for name, text in query:
                grouped.setdefault(name, []).append(text)
            expected = [
                row
                for row in stored
                if all(is_meant(row, name, texts) for name, texts in grouped.items())
            ]
            expected.sort(key=lambda row: (row["created_at"], row["id"]), reverse=True)
            assert await answer(client, query, limit) == [str(row["id"]) for row in expected]


examples = st.tuples(
    st.lists(rows, max_size=15), st.lists(queries, min_size=1, max_size=6), st.integers(1, 8)
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=examples)
async def test_the_api_answers_what_a_naive_filter_finds(
    database: str, data: tuple[list[dict[str, Any]], list[Any], int]
) -> None:
    async with open_house(database) as house:
        await house.adopt_slices()
        await check(house, data)
