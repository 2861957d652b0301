"""How many bytes of bodies the process holds at once, and the bound on it."""

from types import TracebackType
from typing import Self

from services.ingest.domain.errors import Unavailable


class Inflight:
    """Counts bytes as they arrive, for a promised length costs its sender nothing."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.held_bytes = 0

    def check(self, more_bytes: int) -> None:
        """Raise Unavailable where so many more would be too many."""
        if self.held_bytes + more_bytes > self._limit_bytes:
            raise Unavailable("too many batches at once")

    def hold(self) -> "Held":
        """Return the share of one request, to be used in a `with`."""
        return Held(self)


class Held:
    """What one request holds; given back at the end of its `with`."""

    __slots__ = ("_bytes", "_inflight")

    def __init__(self, inflight: Inflight) -> None:
        self._inflight = inflight
        self._bytes = 0

    def add(self, more_bytes: int) -> None:
        """Hold more; raises Unavailable where that is too much for the process."""
        self._inflight.check(more_bytes)
        self._inflight.held_bytes += more_bytes
        self._bytes += more_bytes

    def become(self, bytes_count: int) -> None:
        """Hold so much instead, for what was held before was turned into it; never refused."""
        self.grow(bytes_count - self._bytes)

    def grow(self, more_bytes: int) -> None:
        """Hold what a body that was taken becomes: never refused, but new bodies are."""
        self._inflight.held_bytes += more_bytes
        self._bytes += more_bytes

    def release(self, bytes_count: int) -> None:
        """Give back before the end what is no longer held."""
        self._inflight.held_bytes -= bytes_count
        self._bytes -= bytes_count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inflight.held_bytes -= self._bytes
