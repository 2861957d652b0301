"""`/logs/facets` and `/logs/histogram`: what the logs of a search are made of."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from libs.common.clock import Clock
from services.query.api.access import V1, SignedIn
from services.query.api.json_answers import json_answer
from services.query.api.log_documents import FacetsAnswer, HistogramAnswer
from services.query.api.log_parameters import (
    FILTER_PARAMETERS,
    by_parameter,
    field_parameter,
    interval_parameter,
    split_parameters,
    top_parameter,
)
from services.query.api.plain_route import PlainRoute
from services.query.domain.buckets import (
    StatisticsQuery,
    bucket_starts,
    plan_statistics,
)
from services.query.domain.errors import InvalidParameter
from services.query.domain.facets import (
    DEFAULT_TOP,
    HISTOGRAM_COLUMNS,
    MAX_TOP,
    FacetValue,
    check_fields,
    plan_range,
)
from services.query.store.log_counts import Histogram, LogCountStore

_MOST_SERIES = 20


@dataclass(frozen=True)
class CountRoutes:
    """The routes and what they need."""

    counts: LogCountStore
    complete_through: Callable[[], datetime | None]
    clock: Clock

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=f"{V1}/logging", tags=["logs"], route_class=PlainRoute)
        router.get(
            "/logs/facets",
            summary="Count the values of fields",
            response_class=Response,
            responses={200: {"model": FacetsAnswer}},
            openapi_extra={"parameters": [*FILTER_PARAMETERS, field_parameter(), top_parameter()]},
        )(self.facets)
        router.get(
            "/logs/histogram",
            summary="Count logs over time by a field",
            response_class=Response,
            responses={200: {"model": HistogramAnswer}},
            openapi_extra={
                "parameters": [*FILTER_PARAMETERS, interval_parameter(), by_parameter()]
            },
        )(self.histogram)
        return router

    async def facets(self, request: Request, identity: SignedIn) -> Response:
        """Count the most frequent values of fields among the logs of a search, in events.

        Without a range the last 24 hours. Where time ran out, `searched_to` says down to which
        moment was counted.
        """
        own, filters = split_parameters(request, {"field": 10, "top": 1})
        fields = check_fields(own["field"])
        top = _whole("top", own["top"], DEFAULT_TOP, MAX_TOP)
        bounds = plan_range(filters, self.clock.now())
        complete_through = self.complete_through()
        counted = await self.counts.facets(identity.scope, filters, bounds, fields)
        facets = []
        for facet in counted.facets:
            values = facet.top(top)
            shown = sum(count for _, count in values)
            facets.append(
                {
                    "field": facet.field_name,
                    "values": [{"value": value, "count": count} for value, count in values],
                    "missing": facet.missing,
                    "other": facet.total - facet.missing - shown,
                }
            )
        return json_answer(
            {
                "from": bounds.lower,
                "to": bounds.upper,
                "count": max((facet.total for facet in counted.facets), default=0),
                "facets": facets,
                "complete_through": complete_through,
                "searched_to": counted.searched_to,
            }
        )

    async def histogram(self, request: Request, identity: SignedIn) -> Response:
        """Count the logs of a search over time, in events, as one series for each value of `by`.

        `counts` stand in the order of `buckets`. Without a range the last 24 hours. Where time ran
        out, `searched_to` says down to which moment was counted.
        """
        own, filters = split_parameters(request, {"interval": 1, "by": 1})
        column = own["by"][0] if own["by"] else "level"
        if column not in HISTOGRAM_COLUMNS:
            raise InvalidParameter("by", f"must be one of {', '.join(HISTOGRAM_COLUMNS)}")
        interval = own["interval"][0] if own["interval"] else "auto"
        query = plan_statistics(filters, interval, self.clock.now())
        complete_through = self.complete_through()
        counted = await self.counts.histogram(identity.scope, query, column)
        return json_answer(
            _histogram(query, column, counted) | {"complete_through": complete_through}
        )


def _whole(name: str, texts: Sequence[str], default: int, most: int) -> int:
    if not texts:
        return default
    if not (texts[0].isascii() and texts[0].isdigit() and 1 <= int(texts[0][:9]) <= most):
        raise InvalidParameter(name, f"must be 1 to {most}")
    return int(texts[0])


def _histogram(query: StatisticsQuery, column: str, counted: Histogram) -> dict[str, Any]:
    starts = bucket_starts(query)

    def in_buckets(moments: Iterable[Counter[datetime]]) -> list[int]:
        summed: Counter[datetime] = Counter()
        for counts in moments:
            summed.update(counts)
        return [summed.get(start, 0) for start in starts]

    def by_size(pair: tuple[FacetValue, Counter[datetime]]) -> tuple[int, str]:
        return -pair[1].total(), str(pair[0])

    ordered = sorted(counted.counts.items(), key=by_size)
    everything = [*counted.counts.values(), counted.rest]
    return {
        "from": query.range.lower,
        "to": query.range.upper,
        "interval_seconds": int(query.interval.total_seconds()),
        "by": column,
        "count": sum(counts.total() for counts in everything),
        "rows": counted.rows,
        "buckets": starts,
        "counts": in_buckets(everything),
        "series": [
            {"value": value, "count": counts.total(), "counts": in_buckets([counts])}
            for value, counts in ordered[:_MOST_SERIES]
        ],
        "other": in_buckets([*(counts for _, counts in ordered[_MOST_SERIES:]), counted.rest]),
        "searched_to": counted.searched_to,
    }
