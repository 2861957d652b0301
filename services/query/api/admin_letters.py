"""`/admin/dead-letters`: events that could not be stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from libs.common.access_names import PRINTABLE
from libs.common.events import Letter
from services.query.api.access import V1, Admin
from services.query.api.cursors import CursorBook
from services.query.api.documents import Answer, ListAsk, read_row
from services.query.domain.errors import GatewayUnavailable, ReplayRefused
from services.query.publisher import ReplayPublisher
from services.query.store.dead_letters import DeadLetterStore, LetterFilter
from services.query.store.records import Record

Status = Literal["open", "replaying", "replayed", "discarded"]
Text = Annotated[str, StringConstraints(max_length=256, pattern=PRINTABLE)]


class LetterAsk(ListAsk):
    """Which letters are listed."""

    status: Status | None = None
    stage: Text | None = Field(None, description="The consumer that could not store it")
    application: Text | None = None
    reason: Text | None = None


class LetterAnswer(Answer):
    """A dead letter, its payload apart."""

    id: UUID
    created_at: datetime
    stage: str
    reason: str
    sqlstate: str | None
    topic: str
    partition: int
    record_offset: int
    application: str | None
    key_id: str | None
    received_at: datetime | None
    batch_id: UUID | None
    event_kind: str | None
    event_count: int
    payload_bytes: int
    dead_lettered_count: int = Field(description="How often it was dead-lettered")
    status: Status
    decided_at: datetime | None
    decided_by: str | None


class FullLetter(LetterAnswer):
    """A dead letter with the redacted row; null where the record could not be decoded."""

    payload: dict[str, Any] | None


class LetterPage(Answer):
    """A page of dead letters, newest first."""

    items: list[LetterAnswer]
    next_cursor: str | None
    prev_cursor: str | None


@dataclass(frozen=True)
class LetterRoutes:
    """The routes and what they need."""

    letters: DeadLetterStore
    publisher: ReplayPublisher

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=f"{V1}/admin/dead-letters", tags=["admin: dead letters"])
        router.get("", summary="List dead letters")(self.list)
        router.get("/{letter_id}", summary="Read a dead letter")(self.read)
        router.post("/{letter_id}/replay", status_code=202, summary="Send it to be stored again")(
            self.replay
        )
        router.post("/{letter_id}/discard", summary="Give it up for good")(self.discard)
        return router

    async def list(self, query: Annotated[LetterAsk, Query()], who: Admin) -> LetterPage:
        """List dead letters."""
        wanted = LetterFilter(query.status, query.stage, query.application, query.reason)
        book = CursorBook("dead-letters", who, vars(wanted))
        ask = book.ask(query.limit, query.cursor)
        rows, edges = await self.letters.page(wanted, ask)
        items = [read_row(LetterAnswer, row) for row in rows]
        return LetterPage(items=items, **book.cursors(ask, edges))

    async def read(self, letter_id: UUID, _: Admin) -> FullLetter:
        """Read one dead letter."""
        return read_row(FullLetter, await self.letters.one(letter_id))

    async def replay(self, letter_id: UUID, who: Admin) -> LetterAnswer:
        """Publish the event again. It is `replaying` until it is stored, or dead-lettered again.

        However often it is replayed, it is stored once.
        """
        letter = await self.letters.claim(letter_id, who.email)
        try:
            await self.publisher.replay(_as_published(letter))
        except (GatewayUnavailable, ReplayRefused):
            await self.letters.reopen(letter, who.email)
            raise
        return read_row(LetterAnswer, await self.letters.one(letter_id))

    async def discard(self, letter_id: UUID, who: Admin) -> LetterAnswer:
        """Give an event up: it stays in the list and in the ledger, and is never stored."""
        return read_row(LetterAnswer, await self.letters.discard(letter_id, who.email))


def _as_published(letter: Record) -> Letter:
    names = Letter.__struct_fields__
    return Letter(letter.id, *(letter._mapping[name] for name in names[1:]))
