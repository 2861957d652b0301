"""`/logs/{log_id}/context` and `/traces/{trace_id}`: events of all kinds that belong together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from services.query.api.access import V1, SignedIn
from services.query.api.cursors import CursorBook
from services.query.api.documents import Document, Moment
from services.query.api.event_documents import ContextAnswer, TraceAnswer
from services.query.api.json_answers import json_answer
from services.query.domain.conditions import OneOf
from services.query.domain.contexts import DEFAULT_COUNT, MAX_COUNT, REACH, Around, neighbours
from services.query.domain.errors import NotFound
from services.query.domain.pages import PageAsk, PageEdges, Place
from services.query.domain.scope import Scope
from services.query.store.events import EventStore, Page, Search
from services.query.store.kinds import EXCEPTION_EVENTS, LOG_EVENTS, SAMPLE_EVENTS, Item

MAX_TRACE_LIMIT = 1_000
TraceId = Annotated[str, Path(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]


class ContextAsk(Document):
    """How much of an event's surroundings is shown."""

    by: Around = Field("source", description="same application and source, or same trace")
    before: int = Field(DEFAULT_COUNT, ge=0, le=MAX_COUNT, description="older events")
    after: int = Field(DEFAULT_COUNT, ge=0, le=MAX_COUNT, description="newer events")


class TraceAsk(Document):
    """Which part of a trace is shown."""

    limit: int = Field(MAX_TRACE_LIMIT, ge=1, le=MAX_TRACE_LIMIT)
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of an answer")
    since: Moment | None = Field(None, alias="from", description="at this moment or later")
    to: Moment | None = Field(None, description="before this moment")


@dataclass(frozen=True)
class SurroundingRoutes:
    """The routes and what they need."""

    events: EventStore
    complete_through: Callable[[], datetime | None]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=f"{V1}/logging", tags=["logs"])
        router.get(
            "/logs/{log_id}/context",
            summary="Read what happened before and after",
            response_class=Response,
            responses={200: {"model": ContextAnswer}},
        )(self.context)
        router.get(
            "/traces/{trace_id}",
            summary="Read a trace",
            response_class=Response,
            responses={200: {"model": TraceAnswer}},
        )(self.trace)
        return router

    async def context(
        self, log_id: UUID, query: Annotated[ContextAsk, Query()], identity: SignedIn
    ) -> Response:
        """Return the logs and exceptions around an event, at most a day away, newest first.

        `before` holds older events, `after` newer ones. Where time ran out, `searched_to` of that
        side says how far it came.
        """
        scope = identity.scope
        event = await self._event(scope, log_id)
        condition = neighbours(query.by, event.application, event.source, event.trace_id)
        search = Search(condition, event.created_at - REACH, event.created_at + REACH)
        place = Place.of(event)
        complete_through = self.complete_through()
        sides = {}
        for name, count, direction in (
            ("before", query.before, "older"),
            ("after", query.after, "newer"),
        ):
            ask = PageAsk(count, place, "older" if direction == "older" else "newer")
            page = await self._page(scope, search, ask) if count else Page([], False, None)
            sides[name] = {
                "items": page.items,
                "has_more": page.has_more,
                "searched_to": page.searched_to,
            }
        return json_answer({"event": event, **sides, "complete_through": complete_through})

    async def trace(
        self, trace_id: TraceId, query: Annotated[TraceAsk, Query()], identity: SignedIn
    ) -> Response:
        """Return the events of a trace, of all kinds, oldest first.

        `next_cursor` leads to later events. Where time ran out, `searched_to` says how far the
        search came.
        """
        book = CursorBook("trace", identity, [trace_id, query.since, query.to])
        ask = trace_ask(book, query)
        search = Search(OneOf("trace_id", (trace_id,)), query.since, query.to)
        complete_through = self.complete_through()
        kinds = (LOG_EVENTS, EXCEPTION_EVENTS, SAMPLE_EVENTS)
        page = await self.events.joined_page(identity.scope, kinds, search, ask)
        if not page.items and page.searched_to is None and query.cursor is None:
            raise NotFound("no such trace")
        return json_answer(
            {
                "trace_id": trace_id,
                "items": page.items[::-1],
                "next_cursor": book.cursors(ask, PageEdges.of(page))["prev_cursor"],
                "complete_through": complete_through,
                "searched_to": page.searched_to,
            }
        )

    async def _event(self, scope: Scope, event_id: UUID) -> Item:
        for kind in (LOG_EVENTS, EXCEPTION_EVENTS):
            found = await self.events.one(scope, kind, event_id)
            if found is not None:
                return found
        raise NotFound("no such log")

    async def _page(self, scope: Scope, search: Search, ask: PageAsk) -> Page:
        return await self.events.joined_page(scope, (LOG_EVENTS, EXCEPTION_EVENTS), search, ask)


def trace_ask(book: CursorBook, query: TraceAsk) -> PageAsk:
    """Return which page of a trace is asked for: from its beginning, or from the cursor on."""
    if query.cursor is None:
        return PageAsk(query.limit, None, "newer")
    return book.ask(query.limit, query.cursor)
