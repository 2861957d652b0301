"""Facets and histograms, through the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from libs.common.clock import SystemClock
from services.query.domain.buckets import plan_statistics
from services.query.domain.log_filters import parse_filters
from services.query.domain.scope import EVERYTHING
from services.query.store.log_buckets import MOST_VALUES
from services.query.store.log_counts import LogCountStore
from tests.integration.query.house import House

FACETS = "/api/v1/logging/logs/facets"
STATISTICS = "/api/v1/logging/logs/statistics"
HISTOGRAM = "/api/v1/logging/logs/histogram"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z"}
LOGS: list[dict[str, Any]] = [
    {"level": "ERROR", "module": "cart", "count": 3, "extra_data": {"tenant": "acme"}},
    {"level": "ERROR", "module": "auth", "status_code": 500, "extra_data": {"tenant": 5}},
    {"level": "INFO", "module": "cart", "status_code": 200, "user_id": "42"},
    {"level": "DEBUG", "message": "noise", "extra_data": {"tenant": "acme"}},
]


@pytest.fixture(autouse=True)
async def logs(house: House) -> None:
    await house.add_logs(
        {"created_at": NOON - timedelta(hours=hour), **log} for hour, log in enumerate(LOGS)
    )


async def facets(client: httpx.AsyncClient, *pairs: tuple[str, str]) -> dict[str, Any]:
    answer = await client.get(FACETS, params=[*DAY.items(), *pairs])
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_facets_count_values_of_fields(admin: httpx.AsyncClient) -> None:
    answer = await facets(
        admin, ("field", "level"), ("field", "module"), ("field", "extra.tenant"), ("top", "1")
    )
    assert answer["count"] == 6
    assert answer["searched_to"] is None
    assert answer["facets"] == [
        {"field": "level", "values": [{"value": "ERROR", "count": 4}], "missing": 0, "other": 2},
        {"field": "module", "values": [{"value": "cart", "count": 4}], "missing": 1, "other": 1},
        {
            "field": "extra.tenant",
            "values": [{"value": "acme", "count": 4}],
            "missing": 1,
            "other": 1,
        },
    ]


async def test_facets_count_what_the_search_finds(admin: httpx.AsyncClient) -> None:
    answer = await facets(admin, ("q", "level:error OR noise"), ("field", "status_code"))
    assert answer["facets"] == [
        {
            "field": "status_code",
            "values": [{"value": 500, "count": 1}],
            "missing": 4,
            "other": 0,
        }
    ]
    usual = await facets(admin)
    assert [facet["field"] for facet in usual["facets"]] == [
        "level",
        "application",
        "environment",
        "source",
        "module",
    ]


async def test_a_histogram_has_a_series_for_each_value(admin: httpx.AsyncClient) -> None:
    window = {"from": "2026-11-23T09:00:00Z", "to": "2026-11-23T13:00:00Z", "interval": "1h"}
    answer = (await admin.get(HISTOGRAM, params=window)).json()
    assert answer["buckets"][0] == "2026-11-23T09:00:00Z"
    assert answer["counts"] == [1, 1, 1, 3]
    assert (answer["count"], answer["rows"]) == (6, 4)
    assert answer["series"] == [
        {"value": "ERROR", "count": 4, "counts": [0, 0, 1, 3]},
        {"value": "DEBUG", "count": 1, "counts": [1, 0, 0, 0]},
        {"value": "INFO", "count": 1, "counts": [0, 1, 0, 0]},
    ]
    assert answer["other"] == [0, 0, 0, 0]
    by_module = (await admin.get(HISTOGRAM, params=window | {"by": "module"})).json()
    assert [series["value"] for series in by_module["series"]] == ["cart", None, "auth"]


async def test_many_values_are_folded_into_other(house: House, admin: httpx.AsyncClient) -> None:
    await house.add_logs({"created_at": NOON, "source": f"s{number}"} for number in range(30))
    answer = (await admin.get(HISTOGRAM, params=DAY | {"by": "source", "interval": "1d"})).json()
    assert len(answer["series"]) == 20
    assert answer["other"] == [11]
    assert answer["counts"] == [36]


async def test_of_very_many_values_the_most_frequent_are_kept(
    house: House, admin: httpx.AsyncClient
) -> None:
    sources = [f"s{number}" for number in range(MOST_VALUES + 50)]
    for hour in (0, 1):
        moment = NOON - timedelta(days=1, hours=hour)
        await house.add_logs({"created_at": moment, "source": source} for source in sources)
        await house.add_logs([{"created_at": moment, "source": "z", "count": 7, "level": "ERROR"}])
    window = {"from": "2026-11-22T11:00:00Z", "to": "2026-11-22T13:00:00Z", "interval": "1h"}
    answer = (await admin.get(HISTOGRAM, params=window | {"by": "source"})).json()
    events = len(sources) + 7
    assert (answer["count"], answer["rows"]) == (2 * events, 2 * len(sources) + 2)
    assert answer["counts"] == [events, events]
    assert answer["series"][0] == {"value": "z", "count": 14, "counts": [7, 7]}
    assert answer["other"] == [events - 7 - 19] * 2
    counted = (await admin.get(STATISTICS, params=window)).json()
    assert (counted["count"], counted["rows"]) == (answer["count"], answer["rows"])
    assert counted["by_level"] == {"INFO": 2 * len(sources), "ERROR": 14}
    assert len(counted["by_source"]) == 21
    assert counted["by_source"]["z"] == 14
    assert counted["by_source"]["other"] == 2 * (events - 7 - 19)
    # what the store itself is given by PostgreSQL is bounded too
    whole = plan_statistics(parse_filters(list(window.items())[:2]), "1h", NOON)
    store = LogCountStore(house.engine, SystemClock(), timedelta(seconds=5))
    found = await store.histogram(EVERYTHING, whole, "source")
    assert len(found.counts) == MOST_VALUES
    assert found.rest.total() == 2 * (len(sources) + 1 - MOST_VALUES)


async def test_only_the_own_rows_are_counted(house: House) -> None:
    own = await house.token("jane@example.com", "user", [("shop", "42")])
    none = await house.token("new@example.com", "user")
    for token, count in ((own, 1), (none, 0)):
        async with house.client(token) as client:
            assert (await facets(client))["count"] == count
            assert (await client.get(HISTOGRAM, params=DAY)).json()["count"] == count


@pytest.mark.parametrize(
    ("path", "parameters", "named"),
    [
        (FACETS, {"field": "message"}, "field"),
        (FACETS, {"field": "extra."}, "field"),
        (FACETS, {"top": "0"}, "top"),
        (FACETS, {"top": "101"}, "top"),
        (FACETS, {"cursor": "x"}, "cursor"),
        (FACETS, {"colour": "x"}, "colour"),
        (HISTOGRAM, {"by": "message"}, "by"),
        (HISTOGRAM, {"by": "user_id"}, "by"),
        (HISTOGRAM, {"interval": "7s"}, "interval"),
        (HISTOGRAM, {"q": "level:"}, "q"),
    ],
)
async def test_what_is_wrong_is_refused_by_name(
    admin: httpx.AsyncClient, path: str, parameters: dict[str, str], named: str
) -> None:
    answer = await admin.get(path, params=parameters)
    assert answer.status_code == 422
    assert answer.json()["parameter"] == named
