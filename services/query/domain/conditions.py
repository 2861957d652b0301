"""What a search asks of an event: a tree of conditions, as SQL and the live tail both read it.

Every condition is either true or false of an event: a column without a value satisfies none of the
comparisons, so that its negation holds.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import msgspec

from services.query.domain.scope import Scope

Side = Literal[">", ">=", "<", "<="]
SIDES: dict[Side, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
Value: TypeAlias = str | int | float


class OneOf(msgspec.Struct, frozen=True, tag=True):
    """The column is one of these values."""

    column: str
    values: tuple[Value, ...]


class Compared(msgspec.Struct, frozen=True, tag=True):
    """The column lies on that side of a number."""

    column: str
    side: Side
    bound: float


class Present(msgspec.Struct, frozen=True, tag=True):
    """The column has a value."""

    column: str


class Holds(msgspec.Struct, frozen=True, tag=True):
    """`extra_data` holds one of these values at a dotted path."""

    path: str
    texts: tuple[str, ...]


class HasKey(msgspec.Struct, frozen=True, tag=True):
    """`extra_data` has something at a dotted path."""

    path: str


class Contains(msgspec.Struct, frozen=True, tag=True):
    """The message contains a piece of text, whatever its case."""

    piece: str


class Not(msgspec.Struct, frozen=True, tag=True):
    """The part is false."""

    part: "Condition"


class AllOf(msgspec.Struct, frozen=True, tag=True):
    """Every part is true; without parts always."""

    parts: "tuple[Condition, ...]" = ()


class AnyOf(msgspec.Struct, frozen=True, tag=True):
    """At least one part is true; without parts never."""

    parts: "tuple[Condition, ...]" = ()


Condition: TypeAlias = OneOf | Compared | Present | Holds | HasKey | Contains | Not | AllOf | AnyOf
ALWAYS = AllOf()


def conjuncts(condition: Condition) -> Iterator[Condition]:
    """Return the conditions that must all be true."""
    if isinstance(condition, AllOf):
        for part in condition.parts:
            yield from conjuncts(part)
    else:
        yield condition


def within(scope: Scope) -> Condition:
    """Return the condition that keeps a caller to the own rows."""
    if scope.subjects is None:
        return ALWAYS
    return AnyOf(
        tuple(
            AllOf((OneOf("application", (application,)), OneOf("user_id", (user_id,))))
            for application, user_id in scope.subjects
        )
    )
