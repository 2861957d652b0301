"""What stands around an event: which other events, how far, how many."""

from datetime import timedelta
from typing import Literal

from services.query.domain.conditions import AllOf, Condition, OneOf
from services.query.domain.errors import InvalidParameter

Around = Literal["source", "trace"]
REACH = timedelta(days=1)
"""Events further away are no context, and looking for them would read every slice."""
DEFAULT_COUNT = 20
MAX_COUNT = 200


def neighbours(around: Around, application: str, source: str, trace_id: str | None) -> Condition:
    """Return the condition on an event's neighbours; raises InvalidParameter."""
    if around == "trace":
        if trace_id is None:
            raise InvalidParameter("by", "the event belongs to no trace")
        return OneOf("trace_id", (trace_id,))
    return AllOf((OneOf("application", (application,)), OneOf("source", (source,))))
