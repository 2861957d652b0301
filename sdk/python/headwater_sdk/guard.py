"""Knows when the SDK itself is at work, so that it never captures what it does."""

import logging
import threading
from types import TracebackType

_TALKATIVE = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


class Guard(threading.local):
    """`with guard:` around work of the SDK; true while the thread is in such work."""

    depth = 0

    def __bool__(self) -> bool:
        return self.depth > 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.depth -= 1


guard = Guard()
"""One for all clients: what one sends is nothing that another has to tell."""


class _NotOurs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not guard


_not_ours = _NotOurs()


def quieten_client() -> None:
    """Keep the HTTP client's lines about our own requests out of the application's logs."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_not_ours)  # the second time does nothing
