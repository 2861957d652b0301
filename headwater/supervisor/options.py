"""What `headwater up` was asked for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class UpOptions:
    """The home and what runs in it."""

    home: Path
    port: int | None = None
    """Of the console; None takes the remembered one, or any that is free."""
    broker_count: int | None = None
    """None takes as many as the home has, one in a new home."""
    gateway_count: int = 1
