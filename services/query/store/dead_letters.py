"""Dead letters: what could not be stored, and what an admin decides about it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.db.accounts import record_audit
from libs.common.db.tables import DeadLetter
from services.query.domain.errors import LetterDecided
from services.query.domain.pages import PageAsk, PageEdges
from services.query.store.paging import read_page
from services.query.store.records import Record, read_one

STUCK_AFTER = timedelta(minutes=1)
"""A replay that nobody finished for so long may be tried again: it is stored once either way."""

_COLUMNS = [
    column for column in DeadLetter.__table__.c if column.name not in ("payload", "payload_hmac")
]
_KEY = (DeadLetter.__table__.c.created_at, DeadLetter.__table__.c.id)


@dataclass(frozen=True)
class LetterFilter:
    """Which letters are listed; None = any."""

    status: str | None = None
    stage: str | None = None
    application: str | None = None
    reason: str | None = None


class DeadLetterStore:
    """Reads dead letters and writes their status."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, wanted: LetterFilter, ask: PageAsk) -> tuple[list[Record], PageEdges]:
        """Return a page of letters without their payloads, newest first."""
        statement: Select[Any] = select(*_COLUMNS)
        for name, value in vars(wanted).items():
            if value is not None:
                statement = statement.where(DeadLetter.__table__.c[name] == value)
        async with self._engine.connect() as connection:
            return await read_page(connection, statement, _KEY, ask)

    async def one(self, letter_id: UUID) -> Record:
        """Return a letter with its payload; raises NotFound."""
        async with self._engine.connect() as connection:
            return await _read(connection, letter_id)

    async def claim(self, letter_id: UUID, actor: str) -> Record:
        """Mark an open letter as replaying and return it; raises NotFound, LetterDecided."""
        async with self._engine.begin() as connection:
            letter = await _read(connection, letter_id, for_update=True)
            if letter.payload is None or letter.event_kind is None:
                raise LetterDecided("the record could not be decoded: there is nothing to replay")
            is_stuck = and_(
                DeadLetter.status == "replaying",
                DeadLetter.decided_at < func.clock_timestamp() - STUCK_AFTER,
            )
            await _decide(connection, letter, "replaying", actor, also=is_stuck)
            await record_audit(connection, actor, "dead_letter.replay", str(letter_id), {})
        return letter

    async def reopen(self, letter: Record, actor: str) -> None:
        """Take a replay back that the gateway did not accept, unless the writer was quicker."""
        async with self._engine.begin() as connection:
            changed = await connection.execute(
                update(DeadLetter)
                .where(
                    DeadLetter.id == letter.id,
                    DeadLetter.status == "replaying",
                    DeadLetter.dead_lettered_count == letter.dead_lettered_count,
                )
                .values(status="open", decided_at=None, decided_by=None)
            )
            if changed.rowcount:
                await record_audit(connection, actor, "dead_letter.reopen", str(letter.id), {})

    async def discard(self, letter_id: UUID, actor: str) -> Record:
        """Give an open letter up for good; raises NotFound, LetterDecided."""
        async with self._engine.begin() as connection:
            letter = await _read(connection, letter_id, for_update=True)
            await _decide(connection, letter, "discarded", actor)
            await record_audit(connection, actor, "dead_letter.discard", str(letter_id), {})
            return await _read(connection, letter_id)

    async def counts(self) -> dict[str, int]:
        """Return how many letters there are by status."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(
                select(DeadLetter.status, func.count().label("total")).group_by(DeadLetter.status)
            )
            return {row.status: row.total for row in rows}


async def _decide(
    connection: AsyncConnection,
    letter: Record,
    status: str,
    actor: str,
    also: ColumnElement[bool] | None = None,
) -> None:
    is_open: ColumnElement[bool] = DeadLetter.status == "open"
    changed = await connection.execute(
        update(DeadLetter)
        .where(DeadLetter.id == letter.id, is_open if also is None else or_(is_open, also))
        .values(status=status, decided_at=func.clock_timestamp(), decided_by=actor)
    )
    if changed.rowcount == 0:
        raise LetterDecided(f"the letter is {letter.status}")


async def _read(
    connection: AsyncConnection, letter_id: UUID, *, for_update: bool = False
) -> Record:
    statement = select(*_COLUMNS, DeadLetter.payload).where(DeadLetter.id == letter_id)
    return await read_one(connection, statement, "dead letter", for_update=for_update)
