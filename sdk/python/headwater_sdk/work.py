"""The work at hand: which trace it belongs to, which request it answers, for whom."""

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar

TRACE_HEADER = "X-Trace-Id"
_TRACE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_W3C_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


class Work:
    """What events captured meanwhile have in common; None where nothing is known."""

    __slots__ = ("host", "method", "path", "session_id", "trace_id", "user_id")

    def __init__(
        self,
        trace_id: str | None = None,
        method: str | None = None,
        path: str | None = None,
        host: str | None = None,
    ) -> None:
        self.trace_id = trace_id
        self.method = method
        self.path = path
        self.host = host
        self.user_id: str | None = None
        self.session_id: str | None = None


current_work: ContextVar[Work | None] = ContextVar("headwater_sdk_work", default=None)


def current_trace_id() -> str | None:
    """Return the trace id of the work at hand."""
    work = current_work.get()
    return work.trace_id if work is not None else None


def set_user(user_id: object, session_id: object = None) -> None:
    """Say for whom the work at hand is done; its events carry it."""
    work = current_work.get()
    if work is None:
        work = Work()
        current_work.set(work)
    work.user_id = None if user_id is None else str(user_id)
    work.session_id = None if session_id is None else str(session_id)


def set_trace(trace_id: str | None) -> None:
    """Begin work under a trace id, for what no middleware sees: jobs, consumers, commands.

    An id that no header may carry is none: a new one is made.
    """
    is_harmless = isinstance(trace_id, str) and _TRACE_ID.fullmatch(
        trace_id.encode("utf-8", "replace")
    )
    current_work.set(Work(trace_id if is_harmless else new_trace_id()))


def new_trace_id() -> str:
    """Return a fresh trace id: 32 hexadecimal digits, as W3C Trace Context has them."""
    return os.urandom(16).hex()


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, str | None]:
    """Return the trace id and the host of a request; header names are lower case.

    `X-Trace-Id` wins over `traceparent`. A value is taken only in a harmless form.
    """
    trace_id = from_parent = host = None
    for name, value in headers:
        if name == b"x-trace-id":
            if _TRACE_ID.fullmatch(value):
                trace_id = value.decode("ascii")
        elif name == b"traceparent":
            if match := _TRACEPARENT.fullmatch(value.strip()):
                from_parent = match[1].decode("ascii")
        elif name == b"host":
            host = value.decode("latin-1")
    return trace_id or from_parent, host


def traceparent_of(trace_id: str) -> str | None:
    """Return a W3C header that continues a trace; None for an id of another form."""
    if _W3C_ID.fullmatch(trace_id) is None:
        return None
    return f"00-{trace_id}-{os.urandom(8).hex()}-01"
