"""Who sees which rows. Every function of the store that reads events takes a `Scope`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["admin", "user"]


@dataclass(frozen=True)
class Scope:
    """The rows a caller may see: all of them, or those of the listed subjects."""

    subjects: tuple[tuple[str, str], ...] | None
    """Pairs of (application, user_id); None = every row; empty = no row."""

    @property
    def sees_nothing(self) -> bool:
        return self.subjects == ()


EVERYTHING = Scope(None)


def scope_of(role: str, subjects: Iterable[Any]) -> Scope:
    """Build the scope of a user's row; anything malformed in `subjects` sees nothing."""
    if role == "admin":
        return EVERYTHING
    pairs = {
        (pair[0], pair[1])
        for pair in subjects
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
    }
    return Scope(tuple(sorted(pairs)))
