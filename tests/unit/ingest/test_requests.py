"""Reading a request's head and body."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.types import Message, Receive

from libs.common.time_limits import TimeLimit
from services.ingest.api.requests import BodyLimits, ClientGone, read_body, read_head
from services.ingest.domain.errors import BodyTooLarge, BodyTooSlow, MalformedBody, Unavailable
from services.ingest.domain.inflight import Inflight

LIMITS = BodyLimits(size_bytes=10, time=TimeLimit(timedelta(seconds=0.05)))


def scope(*headers: tuple[bytes, bytes], query: bytes = b"") -> dict[str, Any]:
    return {"type": "http", "headers": list(headers), "query_string": query}


def receiving(*messages: Message) -> Receive:
    """Give the messages one after another, then nothing any more."""
    left = list(messages)

    async def receive() -> Message:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return receive


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ([(b"authorization", b"Bearer a")], b"key=c", "a"),
        ([(b"authorization", b"bearer  a ")], b"", "a"),
        ([(b"authorization", b"Bearer a"), (b"x-headwater-key", b"b")], b"", "a"),
        ([(b"authorization", b"Basic a"), (b"x-headwater-key", b"b")], b"", "b"),
        ([(b"authorization", b"Basic a")], b"", None),
        ([(b"x-headwater-key", b"b")], b"key=c", "b"),
        ([], b"key=c&key=d", "c"),
        ([], b"a=1&key=%63", "c"),
        ([], b"", None),
        ([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer a")], b"", "a, Bearer a"),
        ([(b"x-headwater-key", b"a"), (b"x-headwater-key", b"b")], b"", "a, b"),
    ],
)
def test_where_the_key_stands(
    headers: list[tuple[bytes, bytes]], query: bytes, key: str | None
) -> None:
    assert read_head(scope(*headers, query=query)).key == key


def test_types_and_encodings() -> None:
    head = read_head(
        scope(
            (b"content-type", b"Application/JSON; charset=utf-8"),
            (b"content-encoding", b" GZIP "),
            (b"content-length", b"12"),
            (b"origin", b"https://a.org"),
        )
    )
    assert (head.content_type, head.content_encoding) == ("application/json", "gzip")
    assert (head.content_length, head.origin) == (12, "https://a.org")
    twice = read_head(scope((b"content-encoding", b"gzip"), (b"content-encoding", b"gzip")))
    assert twice.content_encoding == "gzip, gzip"


@pytest.mark.parametrize("length", [b"-1", b"x", b"", b"1.5", b"\xb2", b"1, 1", b"9" * 5_000])
def test_lengths_that_are_none(length: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_head(scope((b"content-length", length)))


def test_too_many_query_parameters() -> None:
    with pytest.raises(MalformedBody):
        read_head(scope(query=b"&".join(b"a=%d" % n for n in range(1_000))))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (b"2026-11-24T12:00:00Z", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        (b"2026-11-24T13:00:00+01:00", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        (b"2026-11-24T12:00:00", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        (b"1761231123450", datetime(2025, 10, 23, 14, 52, 3, 450_000, tzinfo=UTC)),
        (b"yesterday", None),
        (b"\xb2", None),
        (b"9" * 16, None),
        (b"9" * 5_000, None),
        (b"0001-01-01T00:00:00+23:00", None),
    ],
)
def test_the_time_of_sending(text: bytes, moment: datetime | None) -> None:
    assert read_head(scope((b"x-sent-at", text))).sent_at == moment
    if b"+" not in text and text.isascii():
        assert read_head(scope(query=b"sent_at=" + text)).sent_at == moment


async def test_a_body_in_parts() -> None:
    inflight = Inflight(100)
    with inflight.hold() as held:
        parts = receiving(part(b"ab"), part(b""), part(b"cd", more=False))
        assert await read_body(parts, None, LIMITS, held) == b"abcd"
        assert inflight.held_bytes == 4
    assert inflight.held_bytes == 0


async def test_bodies_beyond_the_limit() -> None:
    for length, messages in [
        (11, ()),
        (None, (part(b"x" * 11, more=False),)),
        (None, (part(b"x" * 6), part(b"x" * 6))),
        (3, (part(b"x" * 6), part(b"x" * 6))),
    ]:
        with Inflight(100).hold() as held, pytest.raises(BodyTooLarge):
            await read_body(receiving(*messages), length, LIMITS, held)


async def test_a_slow_body_frees_the_worker() -> None:
    for messages in [(), (part(b"x"),), (part(b"x"), part(b"y"))]:
        with Inflight(100).hold() as held, pytest.raises(BodyTooSlow):
            await read_body(receiving(*messages), 5, LIMITS, held)


async def test_a_client_that_leaves() -> None:
    gone: Message = {"type": "http.disconnect"}
    for messages in [(gone,), (part(b"x"), gone)]:
        with Inflight(100).hold() as held, pytest.raises(ClientGone):
            await read_body(receiving(*messages), 5, LIMITS, held)


async def test_bodies_of_all_clients_together_are_bounded() -> None:
    inflight = Inflight(12)
    with inflight.hold() as first, inflight.hold() as second:
        await read_body(receiving(part(b"x" * 8, more=False)), 8, LIMITS, first)
        with pytest.raises(Unavailable) as caught:
            await read_body(receiving(part(b"x" * 8, more=False)), None, LIMITS, second)
        assert caught.value.retryable
        inflight.check(4)
        with pytest.raises(Unavailable):
            inflight.check(5)
    assert inflight.held_bytes == 0
