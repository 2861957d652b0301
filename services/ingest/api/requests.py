"""Reading a request and answering it, for every wire format of the gateway.

Plain ASGI: a framework's routing and request objects cost more than the whole of our own work on a
batch of ten events (docs/adr/0002).
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from libs.common.http.problems import Problem
from services.ingest.domain.errors import BodyTooLarge, BodyTooSlow, IngestError, MalformedBody

JSON = b"application/json"


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


def read_head(scope: Scope) -> RequestHead:
    """Read headers and query string; raises MalformedBody for a nonsensical content-length."""
    head = RequestHead()
    sent_at: str | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            text = value.decode("latin-1")
            if text[:7].lower() == "bearer ":
                head.key = text[7:].strip()
        elif name == b"x-headwater-key":
            head.key = head.key or value.decode("latin-1").strip()
        elif name == b"content-type":
            head.content_type = value.decode("latin-1").partition(";")[0].strip().lower()
        elif name == b"content-encoding":
            head.content_encoding = value.decode("latin-1").strip().lower()
        elif name == b"content-length":
            if not value.isdigit():
                raise MalformedBody("content-length is no number")
            head.content_length = int(value)
        elif name == b"origin":
            head.origin = value.decode("latin-1")
        elif name == b"x-sent-at":
            sent_at = value.decode("latin-1")
        elif name == b"x-headwater-internal":
            head.internal = value.decode("latin-1")
    if scope["query_string"]:
        query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
        head.key = head.key or query.get("key", [None])[0]
        sent_at = sent_at or query.get("sent_at", [None])[0]
    head.sent_at = _moment(sent_at) if sent_at else None
    return head


async def read_body(
    receive: Receive, content_length: int | None, limit_bytes: int, limit: timedelta
) -> bytes:
    """Return the body as sent; raises BodyTooLarge, BodyTooSlow, ClientGone."""
    if content_length is not None and content_length > limit_bytes:
        raise BodyTooLarge(f"more than {limit_bytes} bytes")
    message = await _receive(receive, limit)
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > limit_bytes:
            raise BodyTooLarge(f"more than {limit_bytes} bytes")
        return body
    parts, size = [body], len(body)
    try:
        async with asyncio.timeout(limit.total_seconds()):
            while message.get("more_body"):
                message = await _receive(receive, limit)
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                if size > limit_bytes:
                    raise BodyTooLarge(f"more than {limit_bytes} bytes")
    except TimeoutError as error:
        raise BodyTooSlow("the body did not arrive in time") from error
    return b"".join(parts)


async def _receive(receive: Receive, limit: timedelta) -> dict[str, object]:
    try:
        async with asyncio.timeout(limit.total_seconds()):
            message = await receive()
    except TimeoutError as error:
        raise BodyTooSlow("the body did not arrive in time") from error
    if message["type"] == "http.disconnect":
        raise ClientGone
    return dict(message)


async def answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Send a whole answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-length", b"%d" % len(body)), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def answer_problem(
    send: Send, error: IngestError, headers: list[tuple[bytes, bytes]]
) -> None:
    """Send an error as problem+json."""
    problem = Problem(
        status=error.status,
        reason=error.reason,
        detail=error.detail,
        retryable=error.retryable,
        retry_after_s=error.retry_after_s,
    )
    problem_headers = [(k.encode(), v.encode("latin-1")) for k, v in problem.headers().items()]
    if error.status == 401:
        problem_headers.append((b"www-authenticate", b"Bearer"))
    await answer(send, error.status, problem.body(), [*problem_headers, *headers])


def _moment(text: str) -> datetime | None:
    """Read a time of sending: ISO 8601 or milliseconds since 1970; None where it is neither."""
    try:
        if text.isdigit() and len(text) <= 16:
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
