"""Pages in keyset order: (created_at, id), newest first, in both directions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

Direction = Literal["older", "newer"]
LOWEST_ID = UUID(int=0)
HIGHEST_ID = UUID(int=(1 << 128) - 1)


class Placed(Protocol):
    """A row that has a place."""

    @property
    def created_at(self) -> datetime: ...
    @property
    def id(self) -> UUID: ...


class Found(Protocol):
    """Rows in the order of pages, and how far was looked."""

    @property
    def items(self) -> Sequence[Placed]: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def searched_to(self) -> datetime | None: ...


@dataclass(frozen=True)
class Place:
    """A position between two rows: that of (created_at, id), which itself is on neither side."""

    created_at: datetime
    id: UUID

    @classmethod
    def of(cls, row: Placed) -> "Place":
        """Return the place of a row."""
        return cls(row.created_at, row.id)

    def just_newer(self) -> "Place":
        """Return the place from which the row here counts as older."""
        return Place(self.created_at, UUID(int=min(self.id.int + 1, HIGHEST_ID.int)))

    def just_older(self) -> "Place":
        """Return the place from which the row here counts as newer."""
        return Place(self.created_at, UUID(int=max(self.id.int - 1, 0)))


@dataclass(frozen=True)
class PageAsk:
    """Which page: how many rows, from which place on, in which direction."""

    limit: int
    place: Place | None = None
    """None: from the newest row on."""
    direction: Direction = "older"


@dataclass(frozen=True)
class PageEdges:
    """What was found, as far as the cursors of an answer need it."""

    first: Place | None
    """The newest row of the page."""
    last: Place | None
    has_more: bool
    """Whether rows follow in the direction that was asked for."""
    searched_to: datetime | None = None
    """Set where time ran out."""

    @classmethod
    def of(cls, page: Found) -> "PageEdges":
        """Return the edges of a page."""
        items = page.items
        first, last = (Place.of(items[0]), Place.of(items[-1])) if items else (None, None)
        return cls(first, last, page.has_more, page.searched_to)


@dataclass(frozen=True)
class Turn:
    """Where a neighbouring page begins."""

    place: Place
    direction: Direction


def turns(ask: PageAsk, edges: PageEdges) -> tuple[Turn | None, Turn | None]:
    """Return the turns to the older and to the newer page; None where there is nothing."""
    if ask.direction == "older":
        onward = _onward(ask, edges, edges.last)
        back_from = edges.first or (ask.place.just_older() if ask.place else None)
        has_back = ask.place is not None and back_from is not None
        return onward, Turn(back_from, "newer") if has_back and back_from else None
    onward = _onward(ask, edges, edges.first)
    back_from = edges.last or (ask.place.just_newer() if ask.place else None)
    return Turn(back_from, "older") if back_from else None, onward


def _onward(ask: PageAsk, edges: PageEdges, edge: Place | None) -> Turn | None:
    if edges.has_more and edge is not None:
        return Turn(edge, ask.direction)
    if edges.searched_to is not None:
        return Turn(Place(edges.searched_to, LOWEST_ID), ask.direction)
    return None
