"""A dead letter on its way back: query sends it to the gateway, which publishes it again."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec


class Letter(msgspec.Struct):
    """The body of `POST /internal/replay`."""

    letter_id: UUID
    stage: str
    dead_lettered_count: int
    application: str
    key_id: str
    received_at: Annotated[datetime, msgspec.Meta(tz=True)]
    event_kind: Literal["log", "exception", "sample"]
    payload: dict[str, Any]
    """The redacted row by column name."""
