"""Cursors of answers: places in keyset order as opaque text, bound to the caller and the filter."""

from datetime import UTC, datetime
from typing import Any

from libs.common.http.paging import (
    Cursor,
    InvalidCursor,
    decode_cursor,
    encode_cursor,
    filter_hash,
)
from services.query.domain.pages import PageAsk, PageEdges, Place, Turn, turns
from services.query.store.accounts import Identity

# the calendar's ends but for a day: room for arithmetic
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)


class CursorBook:
    """Reads and writes the cursors of one list, as one caller sees it through one filter."""

    def __init__(self, list_name: str, identity: Identity, filters: Any) -> None:
        self._hash = filter_hash([list_name, str(identity.user_id), filters])

    def ask(self, limit: int, cursor: str | None) -> PageAsk:
        """Return which page is asked for; raises InvalidCursor."""
        if cursor is None:
            return PageAsk(limit)
        read = decode_cursor(cursor, self._hash)
        if not _EARLIEST <= read.created_at <= _LATEST:
            raise InvalidCursor("the cursor is not one of ours")
        return PageAsk(limit, Place(read.created_at, read.id), read.direction)

    def cursors(self, ask: PageAsk, edges: PageEdges) -> dict[str, str | None]:
        """Return `next_cursor` (older rows) and `prev_cursor` (newer rows) of an answer."""
        older, newer = turns(ask, edges)
        return {"next_cursor": self._text(older), "prev_cursor": self._text(newer)}

    def _text(self, turn: Turn | None) -> str | None:
        if turn is None:
            return None
        place = turn.place
        return encode_cursor(Cursor(1, turn.direction, place.created_at, place.id, self._hash))
