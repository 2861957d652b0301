"""Reading a request and answering it, for every wire format of the gateway.

Plain ASGI: a framework's routing and request objects cost more than the whole of our own work on a
batch of ten events (docs/adr/0002).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from libs.common.http.problems import Problem
from libs.common.time_limits import TimeLimit
from services.ingest.domain.errors import BodyTooLarge, BodyTooSlow, IngestError, MalformedBody
from services.ingest.domain.inflight import Held

JSON = b"application/json"
Reply = tuple[int, bytes, list[tuple[bytes, bytes]]]
"""Status, body, headers."""


class ClientGone(Exception):
    """The client closed the connection before its body was whole; nobody waits for an answer."""


@dataclass(slots=True)
class RequestHead:
    """The parts of a request's head that the gateway looks at."""

    key: str | None = None
    origin: str | None = None
    content_type: str = ""
    content_encoding: str = ""
    content_length: int | None = None
    sent_at: datetime | None = None
    internal: str | None = None


_HEADERS = {
    b"authorization",
    b"x-headwater-key",
    b"content-type",
    b"content-encoding",
    b"content-length",
    b"origin",
    b"x-sent-at",
    b"x-headwater-internal",
}


def read_head(scope: Scope) -> RequestHead:
    """Read headers and query string; raises MalformedBody for a nonsensical content-length."""
    found = [
        (name, value.decode("latin-1")) for name, value in scope["headers"] if name in _HEADERS
    ]
    values = dict(found)
    if len(values) < len(found):
        values = _joined(found)
    head = RequestHead(
        key=values.get(b"x-headwater-key"),
        origin=values.get(b"origin"),
        content_type=values.get(b"content-type", "").partition(";")[0].strip().lower(),
        content_encoding=values.get(b"content-encoding", "").strip().lower(),
        internal=values.get(b"x-headwater-internal"),
    )
    scheme, _, bearer = values.get(b"authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        head.key = bearer.strip()
    if (length := values.get(b"content-length")) is not None:
        if not (length.isascii() and length.isdigit() and len(length) <= 18):
            raise MalformedBody("content-length is no number")
        head.content_length = int(length)
    sent_at = values.get(b"x-sent-at")
    if scope["query_string"]:
        query = read_query(scope["query_string"])
        head.key = head.key or query.get("key")
        sent_at = sent_at or query.get("sent_at")
    head.sent_at = _moment(sent_at) if sent_at else None
    return head


def _joined(found: list[tuple[bytes, str]]) -> dict[bytes, str]:
    """Join repeated headers by commas, as HTTP reads them: two keys are no key."""
    values: dict[bytes, str] = {}
    for name, value in found:
        values[name] = f"{values[name]}, {value}" if name in values else value
    return values


def read_query(query_string: bytes) -> dict[str, str]:
    """Return the parameters, the first where one repeats; raises MalformedBody for too many."""
    return dict(reversed(_query_pairs(query_string)))


def query_values(query_string: bytes, name: str) -> set[str]:
    """Return all values of a parameter; raises MalformedBody for too many parameters."""
    return {value for key, value in _query_pairs(query_string) if key == name}


def _query_pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query_string.decode("latin-1"), max_num_fields=20)
    except ValueError as error:
        raise MalformedBody("too many query parameters") from error


@dataclass(frozen=True)
class BodyLimits:
    """How large a body may be, and how long it may take."""

    size_bytes: int
    time: TimeLimit


async def read_body(
    receive: Receive, content_length: int | None, limits: BodyLimits, held: Held
) -> bytes:
    """Return the body as sent; raises BodyTooLarge, BodyTooSlow, Unavailable, ClientGone."""
    limit_bytes = limits.size_bytes
    if content_length is not None and content_length > limit_bytes:
        raise BodyTooLarge(f"more than {limit_bytes} bytes")
    parts: list[bytes] = []
    size = 0
    try:
        with limits.time.watch():
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                part = message.get("body", b"")
                held.add(len(part))
                parts.append(part)
                size += len(part)
                if size > limit_bytes:
                    raise BodyTooLarge(f"more than {limit_bytes} bytes")
                if not message.get("more_body"):
                    break
    except TimeoutError as error:
        raise BodyTooSlow("the body did not arrive in time") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Send a whole answer."""
    if status != 204:
        headers = [(b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def problem_reply(error: IngestError) -> Reply:
    """Return an error as problem+json."""
    problem = Problem(
        status=error.status,
        reason=error.reason,
        detail=error.detail,
        retryable=error.retryable,
        retry_after_s=error.retry_after_s,
    )
    headers = [(k.encode(), v.encode("latin-1")) for k, v in problem.headers().items()]
    return error.status, problem.body(), headers + http_headers(error)


def http_headers(error: IngestError) -> list[tuple[bytes, bytes]]:
    """Return the headers that HTTP asks for beside a status, whatever the format."""
    if error.status == 401:
        return [(b"www-authenticate", b"Bearer")]
    if error.status == 405:
        return [(b"allow", b"POST, OPTIONS")]
    if error.status == 408:
        # the rest of the body is still to come: nobody shall wait for it
        return [(b"connection", b"close")]
    return []


def _moment(text: str) -> datetime | None:
    """Read a time of sending: ISO 8601 or milliseconds since 1970; None where it is neither."""
    try:
        if text.isascii() and text.isdigit() and len(text) <= 16:
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
