"""HTTP connections that bound what anybody may send before it is known who that is.

uvicorn reads no more of a body than its route takes. The head of a request it keeps whole, however
long it is and however long it takes; the same goes for what may follow a body in pieces.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from libs.common.http.problems import Problem
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.metrics import Metrics

log = get_logger(__name__)

Fault = Literal["head_too_large", "head_too_slow", "too_many_at_once", "silent"]
STATUSES: dict[Fault, HTTPStatus] = {
    "head_too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "too_many_at_once": HTTPStatus.TOO_MANY_REQUESTS,
    "head_too_large": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}
"""What a connection hears before it is closed; one that never said anything hears nothing."""


@dataclass(frozen=True)
class HeadLimits:
    """What a connection may cost without a request that is whole."""

    size_bytes: int = 64 * 1024
    """Of a head that goes on; one that came whole in one read was in memory already."""
    time: timedelta = timedelta(seconds=20)
    """For a head to arrive, from the opening of the connection or the end of the last answer's
    rest on; looked at four times as often. Between two requests the keep-alive time holds."""
    waiting_count: int = 100
    """Requests sent ahead, which wait for the answer to an earlier one."""


class ConnectionFaults:
    """Counts the connections that were closed for what they sent, or did not send."""

    def __init__(self, metrics: Metrics | None) -> None:
        name = "headwater_http_closed_connections_total"
        self._closed = None if metrics is None else metrics.counter(name)
        self._fresh: Counter[str] = Counter()
        self._address: str | None = None

    def add(self, fault: Fault, address: str | None) -> None:
        """Count one."""
        if self._closed is not None:
            self._closed.labels(fault).inc()
        if fault != "silent":  # browsers open connections that they then do not need
            self._fresh[fault] += 1
            self._address = address

    def tell(self) -> None:
        """Log what was new since the last time, in one line: who makes many fills no log."""
        if self._fresh:
            log.warning("connections closed", **self._fresh, last_address=self._address)
            self._fresh.clear()


class BoundedConnection(HttpToolsProtocol):
    """One connection; an ordinary request costs it a look at what is whole."""

    def __init__(self, limits: HeadLimits, faults: ConnectionFaults, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._faults = faults
        self._message: object = None
        """The request that `_bytes` belong to."""
        self._bytes = 0
        """What came of it and was neither a whole head nor a body."""
        self._had_body = False
        self._overdue: tuple[object, float] | None = None
        """What was not whole at the last look, and since when."""

    def data_received(self, data: bytes) -> None:
        """Take what came; closes the connection where too much is not whole."""
        # named, for `super()` costs as much again as the look
        HttpToolsProtocol.data_received(self, data)
        cycle = self.cycle
        if cycle is None or cycle.more_body or self.pipeline or "method" not in self.scope:
            self._look(len(data))

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._had_body = True
        HttpToolsProtocol.on_body(self, body)

    def end_overdue(self, now: float) -> None:
        """Close the connection where its next request is not there in time; `now` in seconds."""
        if self.transport.is_closing() or not self._is_awaited():
            self._overdue = None
        elif self._overdue is None or self._overdue[0] is not self.scope:
            self._overdue = (self.scope, now)
        elif now - self._overdue[1] >= self._limits.time.total_seconds():
            self._close("silent" if self.scope is None else "head_too_slow")

    def _look(self, more_bytes: int) -> None:
        is_new = self._message is not self.scope
        if is_new:
            self._message, self._bytes = self.scope, 0
        if self._had_body:  # the route bounds it
            self._had_body, self._bytes = False, 0
        elif not (is_new and self.pipeline):  # else most of it was the requests before
            self._bytes += more_bytes
        if self._bytes > self._limits.size_bytes:
            self._close("head_too_large")
        elif len(self.pipeline) > self._limits.waiting_count:
            self._close("too_many_at_once")

    def _has_begun(self) -> bool:
        return self.scope is not None and "method" not in self.scope

    def _is_awaited(self) -> bool:
        if self.scope is None or "method" not in self.scope:
            return True
        # answered, and what comes is no next request: uvicorn's keep-alive time ended with it
        return self.cycle.response_complete and self.timeout_keep_alive_task is None

    def _close(self, fault: Fault) -> None:
        if self.transport.is_closing():
            return
        self._faults.add(fault, self.client[0] if self.client else None)
        status = STATUSES.get(fault)
        # while another answer is being written, a second one would become a part of it
        if status and self._has_begun() and (self.cycle is None or self.cycle.response_complete):
            problem = Problem(status, fault, retryable=fault != "head_too_large")
            self.transport.write(_refusal(problem))
        self.transport.close()


def end_overdue(connections: Iterable[object], now: float) -> None:
    """Close those among a server's connections whose next request is overdue."""
    for connection in tuple(connections):
        if isinstance(connection, BoundedConnection):
            connection.end_overdue(now)


def _refusal(problem: Problem) -> bytes:
    body = problem.body()
    headers = {**problem.headers(), "content-length": str(len(body)), "connection": "close"}
    lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
    return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", body])
