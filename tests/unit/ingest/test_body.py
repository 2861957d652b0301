"""Inflating what was posted."""

import gzip
import time
import zlib

import pytest

from services.ingest.domain.body import inflate
from services.ingest.domain.errors import BodyTooLarge, MalformedBody, UnsupportedEncoding

LIMIT = 1_000_000


def test_plain_bodies_stay_as_they_are() -> None:
    assert inflate(b'{"a":1}', "", LIMIT) == b'{"a":1}'
    assert inflate(b'{"a":1}', "identity", LIMIT) == b'{"a":1}'


def test_byte_order_mark_is_dropped() -> None:
    assert inflate(b"\xef\xbb\xbf{}", "", LIMIT) == b"{}"
    assert inflate(gzip.compress(b"\xef\xbb\xbf{}"), "gzip", LIMIT) == b"{}"


def test_gzip() -> None:
    body = b'{"events":[]}' * 40_000
    assert inflate(gzip.compress(body), "gzip", LIMIT) == body


def test_members_in_a_row_count_together() -> None:
    members = [gzip.compress(b"x" * 900) for _ in range(100)]
    assert inflate(b"".join(members), "gzip", LIMIT) == b"x" * 90_000
    with pytest.raises(BodyTooLarge):
        inflate(b"".join(members), "gzip", 89_999)


def test_exactly_the_limit_is_allowed() -> None:
    body = b"x" * LIMIT
    assert inflate(body, "", LIMIT) == body
    assert inflate(gzip.compress(body), "gzip", LIMIT) == body
    for sent, encoding in ((body + b"x", ""), (gzip.compress(body + b"x"), "gzip")):
        with pytest.raises(BodyTooLarge):
            inflate(sent, encoding, LIMIT)


def test_a_bomb_stops_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 100_000_000, compresslevel=1)
    with pytest.raises(BodyTooLarge):
        inflate(bomb, "gzip", LIMIT)


def test_countless_tiny_members_cost_no_squared_time() -> None:
    body = gzip.compress(b"") * 200_000
    began = time.perf_counter()
    with pytest.raises(MalformedBody, match="members"):
        inflate(body, "gzip", 5 * 1024 * 1024)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b'{"events":[]}',
        gzip.compress(b"x" * 1_000)[:-9],
        gzip.compress(b"x" * 1_000)[:-1],
        gzip.compress(b"x" * 1_000)[:5],
        gzip.compress(b"x" * 1_000)[:-8] + b"\0" * 8,
        gzip.compress(b"x") + b"rubbish",
        zlib.compress(b"x"),
    ],
    ids=["empty", "plain", "cut", "cut a byte", "cut header", "crc", "tail", "zlib"],
)
def test_what_is_no_gzip_is_refused(sent: bytes) -> None:
    with pytest.raises(MalformedBody):
        inflate(sent, "gzip", LIMIT)


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "x" * 5_000])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding) as caught:
        inflate(b"{}", encoding, LIMIT)
    assert len(caught.value.detail) < 200
