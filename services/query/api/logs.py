"""`/logging/logs`: searching, reading and counting logs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from libs.common.clock import Clock
from services.query.api.access import V1, SignedIn
from services.query.api.cursors import CursorBook
from services.query.api.json_answers import json_answer
from services.query.api.log_documents import LogEntry, LogPage, LogStatisticsAnswer
from services.query.api.log_parameters import (
    FILTER_PARAMETERS,
    PAGE_PARAMETERS,
    interval_parameter,
    split_parameters,
)
from services.query.api.plain_route import PlainRoute
from services.query.domain.buckets import StatisticsQuery, bucket_starts, plan_statistics
from services.query.domain.errors import NotFound
from services.query.domain.log_filters import LogFilters, parse_log_query
from services.query.domain.pages import PageEdges
from services.query.store.events import EventStore, Search
from services.query.store.kinds import LOGS
from services.query.store.log_statistics import LogStatistics, LogStatisticsStore, Tally

_MOST_SOURCES = 20


@dataclass(frozen=True)
class LogRoutes:
    """The routes and what they need."""

    events: EventStore
    statistics: LogStatisticsStore
    complete_through: Callable[[], datetime | None]
    clock: Clock

    def router(self) -> APIRouter:
        """Return the routes. Rows go to JSON by msgspec; the models are for the documentation."""
        router = APIRouter(prefix=f"{V1}/logging", tags=["logs"], route_class=PlainRoute)
        router.get(
            "/logs",
            summary="Search logs",
            response_class=Response,
            responses={200: {"model": LogPage}},
            openapi_extra={"parameters": [*FILTER_PARAMETERS, *PAGE_PARAMETERS]},
        )(self.search)
        router.get(
            "/logs/statistics",
            summary="Count logs by level and source over time",
            response_class=Response,
            responses={200: {"model": LogStatisticsAnswer}},
            openapi_extra={"parameters": [*FILTER_PARAMETERS, interval_parameter()]},
        )(self.count)
        router.get(
            "/logs/{log_id}",
            summary="Read one log",
            response_class=Response,
            responses={200: {"model": LogEntry}},
        )(self.read)
        return router

    async def search(self, request: Request, identity: SignedIn) -> Response:
        """Return a page of logs, newest first.

        Repeating a filter means OR, different filters add up, `field!=value` excludes. Logs of an
        application's structured data are found by `extra.key=value`, with dots for nested keys.
        `complete_through` is the moment before which every acknowledged batch is in the answer's
        reach. Where time ran out, `searched_to` says how far the search came, and `next_cursor`
        goes on from there.
        """
        query = parse_log_query(request.query_params.multi_items())
        book = CursorBook("logs", identity, query.filters)
        ask = book.ask(query.limit, query.cursor)
        # read before the rows: what it promises must hold for what is read after
        complete_through = self.complete_through()
        page = await self.events.page(identity.scope, LOGS, search_of(query.filters), ask)
        return json_answer(
            {
                "items": page.items,
                **book.cursors(ask, PageEdges.of(page)),
                "complete_through": complete_through,
                "searched_to": page.searched_to,
            }
        )

    async def read(self, log_id: UUID, identity: SignedIn) -> Response:
        """Return the log with that id."""
        item = await self.events.one(identity.scope, LOGS, log_id)
        if item is None:
            raise NotFound("no such log")
        return json_answer(item)

    async def count(self, request: Request, identity: SignedIn) -> Response:
        """Count logs: `count` is events, `rows` the stored rows (SDKs fold repeats into one row).

        Takes the filters of the search; without a range the last 24 hours, in whole buckets. Where
        time ran out, `searched_to` says down to which moment was counted.
        """
        own, filters = split_parameters(request, {"interval": 1})
        interval = own["interval"][0] if own["interval"] else "auto"
        query = plan_statistics(filters, interval, self.clock.now())
        complete_through = self.complete_through()
        counted = await self.statistics.count(identity.scope, query)
        return json_answer(_statistics(query, counted) | {"complete_through": complete_through})


def search_of(filters: LogFilters) -> Search:
    """Return what the store is to look for."""
    return Search(filters.condition(), filters.since, filters.until)


def _statistics(query: StatisticsQuery, counted: LogStatistics) -> dict[str, object]:
    top = {source for source, _ in counted.total.by_source.most_common(_MOST_SOURCES)}
    empty = Tally()
    return {
        "from": query.range.lower,
        "to": query.range.upper,
        "interval_seconds": int(query.interval.total_seconds()),
        **_tally(counted.total, top),
        "buckets": [
            {"start": start, **_tally(counted.buckets.get(start, empty), top)}
            for start in bucket_starts(query)
        ],
        "searched_to": counted.searched_to,
    }


def _tally(tally: Tally, top: set[str]) -> dict[str, object]:
    by_source = {source: count for source, count in tally.by_source.items() if source in top}
    rest = tally.count - sum(by_source.values())
    if rest:
        by_source["other"] = by_source.get("other", 0) + rest
    return {
        "count": tally.count,
        "rows": tally.rows,
        "by_level": dict(tally.by_level),
        "by_source": by_source,
    }
