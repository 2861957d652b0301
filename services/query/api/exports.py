"""`POST /logs/export`: all logs of a search as a file."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from libs.common.clock import Clock
from libs.common.telemetry.logs import get_logger
from services.query.api.access import V1, SignedIn
from services.query.api.documents import Document
from services.query.api.logs import search_of
from services.query.api.streams import ClosingStream
from services.query.domain.errors import ExportsBusy, InvalidParameter
from services.query.domain.export_formats import Format, FormatName, format_named
from services.query.domain.log_filters import parse_filters
from services.query.domain.pages import Place
from services.query.domain.scope import Scope
from services.query.store.events import EventStore, Search
from services.query.store.kinds import LOGS, Item, LogItem
from services.query.store.log_exports import ExpectedRows, LogExportStore

log = get_logger(__name__)

_COLUMNS = LogItem.__struct_fields__
FilterValue = bool | str | int | float


class ExportBody(Document):
    """What is exported, and how."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "format": "ndjson",
                "filters": {"level": ["ERROR", "CRITICAL"], "from": "2026-11-23T00:00:00Z"},
            }
        },
    )

    format: FormatName
    filters: dict[str, FilterValue | list[FilterValue]] = Field(
        default_factory=dict,
        max_length=100,
        description="The parameters of the search by name; a list stands for a repeated one",
    )
    after: UUID | None = Field(
        None, description="Go on behind this log, the last one of an export that broke off"
    )


class ExportPlaces:
    """How many exports may run at the same time."""

    def __init__(self, count: int) -> None:
        self._free = count

    def take(self) -> None:
        """Take a place; raises ExportsBusy."""
        if self._free <= 0:
            raise ExportsBusy("as many exports run as may: try again later", retry_after_s=30)
        self._free -= 1

    def give_back(self) -> None:
        """Leave the place to the next one."""
        self._free += 1


@dataclass(frozen=True)
class _Export:
    """One export that is about to be sent."""

    scope: Scope
    search: Search
    after: Place | None
    format: Format
    actor: str


@dataclass(frozen=True)
class ExportRoutes:
    """The route and what it needs."""

    exports: LogExportStore
    events: EventStore
    clock: Clock
    places: ExportPlaces

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(prefix=f"{V1}/logging", tags=["logs"])
        content = {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
            "text/plain": {"schema": {"type": "string"}},
        }
        router.post(
            "/logs/export",
            summary="Export logs",
            response_class=Response,
            responses={200: {"content": content, "description": "The logs, newest first"}},
        )(self.export)
        return router

    async def export(self, body: ExportBody, identity: SignedIn) -> Response:
        """Send all logs of a search as one file, newest first, whatever their number.

        The header `X-Headwater-Rows` says how many rows follow; where counting took too long,
        `X-Headwater-Rows-At-Most` says how many there may be. A file that ends before its time
        breaks the connection off; `after` with the id of its last log goes on from there. Every
        export is in the audit log.
        """
        filters = parse_filters(filter_pairs(body.filters))
        place = await self._place(identity.scope, body.after)
        is_resumed = place is not None
        made = format_named(body.format, _COLUMNS, is_resumed=is_resumed)
        export = _Export(identity.scope, search_of(filters), place, made, identity.email)
        self.places.take()
        try:
            details = body.model_dump(mode="json", exclude_none=True)
            await self.exports.record(identity.email, str(identity.user_id), details)
            expected = await self.exports.expected(export.scope, export.search, place)
        except BaseException:
            self.places.give_back()
            raise
        headers = {"content-disposition": f'attachment; filename="{self._file_name(body.format)}"'}
        headers |= _expectation(expected)
        content = self._pieces(export)
        return ClosingStream(content, self.places.give_back, made.media_type, headers)

    async def _pieces(self, export: _Export) -> AsyncGenerator[bytes, None]:
        is_first = True
        rows = export.format.rows

        def write(items: Sequence[Item]) -> bytes:
            nonlocal is_first
            made = rows(items, is_first)
            is_first = False
            return made

        sent = 0
        if export.format.head:
            yield export.format.head
        pages = self.exports.pages(export.scope, export.search, export.after, write)
        async with aclosing(pages):
            async for piece, row_count in pages:
                sent += row_count
                yield piece
        if export.format.tail:
            yield export.format.tail
        log.info("exported", actor=export.actor, rows=sent)

    async def _place(self, scope: Scope, after: UUID | None) -> Place | None:
        if after is None:
            return None
        last = await self.events.one(scope, LOGS, after)
        if last is None:
            raise InvalidParameter("after", "no such log")
        return Place.of(last)

    def _file_name(self, format_name: FormatName) -> str:
        return f"headwater-logs-{self.clock.now():%Y%m%dT%H%M%SZ}.{format_name}"


def filter_pairs(filters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return filters as the query parameters that they stand for."""
    for name, value in filters.items():
        values: Iterable[Any] = value if isinstance(value, list) else (value,)
        for one in values:
            text = str(one)
            yield name, text.lower() if isinstance(one, bool) else text


def _expectation(expected: ExpectedRows) -> dict[str, str]:
    if expected.count is None:
        return {}
    name = "x-headwater-rows" if expected.is_exact else "x-headwater-rows-at-most"
    return {name: str(expected.count)}
