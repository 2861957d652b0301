"""What the gateway asks of the redaction engine; `app.py` gives it the real one."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec


class RawRedaction(Protocol):
    """What became of undecoded events; those in neither field are clean."""

    @property
    def patched(self) -> dict[int, bytes]:
        """Redacted raw JSON by position."""
        ...

    @property
    def odd(self) -> Sequence[int]:
        """Positions of the events that have to be decoded for redaction."""
        ...


class Redaction(Protocol):
    """What the gateway asks of the redaction engine."""

    def redact_raw(self, events: Sequence[msgspec.Raw | bytes], hits: Counter[str]) -> RawRedaction:
        """Redact undecoded events; the odd ones need `redact_events`."""
        ...

    def redact_within(self, body: bytes, firsts: Sequence[int], hits: Counter[str]) -> RawRedaction:
        """Redact undecoded parts of a body, each from one of `firsts` to a byte before the next."""
        ...

    def redact_events(
        self, events: list[dict[str, Any]], hits: Counter[str]
    ) -> list[dict[str, Any]]:
        """Redact untyped events."""
        ...

    def redact_text(self, text: str, hits: Counter[str]) -> str:
        """Redact one text."""
        ...

    def strip_literals(self, statement: str) -> str:
        """Replace the literals of an SQL statement by `?`."""
        ...
