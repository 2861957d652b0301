"""Clients whose events a test can look at, without a thread or a network."""

import json
import logging
from collections.abc import Callable
from typing import Any

from headwater_sdk import Client, HeadwaterHandler
from headwater_sdk.clock import SystemClock
from headwater_sdk.options import Event, Options, read_options
from headwater_sdk.transport.post import Answer


class Gateway:
    """Takes everything, and remembers it."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answer = answer or Answer(202)

    def reset(self) -> None:
        """There is no connection to forget."""

    def close(self) -> None:
        """There is none to close either."""

    def __call__(self, body: bytes, within_s: float | None = None) -> Answer:
        self.bodies.append(json.loads(body))
        return self.answer

    @property
    def events(self) -> list[Event]:
        """Return all events that came."""
        return [event for body in self.bodies for event in body["events"]]


class SteppingClock(SystemClock):
    """A clock on which a quarter of a second passes between two looks at its monotonic time."""

    def __init__(self) -> None:
        self._looks = 0

    def monotonic(self) -> float:
        """Return the time, a step later than before."""
        self._looks += 1
        return self._looks / 4


class Watched:
    """A client and what it sent."""

    def __init__(self, answer: Answer | None = None, **options: Any) -> None:
        self.gateway = Gateway(answer)
        given: Options = options  # type: ignore[assignment]
        self.client = Client(
            read_options("http://gateway.test", "hw_a_b", given), None, self.gateway
        )

    def sent(self) -> list[Event]:
        """Return what was captured by now, as it was sent."""
        self.client.flush(5)
        return self.gateway.events

    def logging(self, level: int = logging.DEBUG) -> logging.Logger:
        """Return a logger of its own with the client's handler."""
        log = logging.Logger("shop.cart", level)
        log.addHandler(HeadwaterHandler(self.client))
        return log

    def holds_identity(self) -> bool:
        """Say whether every captured event is somewhere."""
        now = self.client.stats()
        parts = ("sent", "stored", "queued", "dropped", "deduped", "sampled")
        return bool(now["captured"] == sum(now[part] for part in parts))


def fail() -> None:
    """Raise a KeyError."""
    nothing: dict[str, int] = {}
    nothing["x"]


def raised(act: Callable[[], object]) -> Exception:
    """Return what an act raises."""
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")
