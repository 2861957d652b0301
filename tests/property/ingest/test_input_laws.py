"""Laws of what comes from outside: whatever the bytes, an answer and never a crash."""

import gzip
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.api.requests import read_head
from services.ingest.domain.body import inflate
from services.ingest.domain.errors import IngestError
from services.ingest.domain.keys import origin_is_listed
from services.ingest.domain.repair import Unmendable, clean, decode_leniently, mend
from tests.unit.ingest.making import LIMITS, body_of, log_event, read

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["kind", "level", "created_at", "id", "extra_data", "exception", "user_id"]
)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["", "gzip"]), st.integers(0, 100))
def test_inflating_never_gives_more_than_the_limit(
    body: bytes, encoding: str, limit_bytes: int
) -> None:
    for sent in (body, gzip.compress(body), gzip.compress(body) + body, gzip.compress(body) * 3):
        try:
            assert len(inflate(sent, encoding, limit_bytes)) <= limit_bytes
        except IngestError as error:
            assert 400 <= error.status < 500  # noqa: PT017 - either outcome is right


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
def test_inflating_gives_back_what_was_compressed(parts: list[bytes]) -> None:
    sent = b"".join(gzip.compress(part) for part in parts)
    assert inflate(sent, "gzip", 1_000) == b"".join(parts).removeprefix(b"\xef\xbb\xbf")


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(FIELDS | st.text(max_size=5), JSON, max_size=6))
def test_mending_mends_or_names(event: dict[str, Any]) -> None:
    try:
        mended = mend(clean(decode_leniently(json.dumps(event).encode()), LIMITS))
    except Unmendable as error:
        assert error.reason.isascii()  # noqa: PT017 - either outcome is right
    else:
        assert mended["extra_data"] is None or isinstance(mended["extra_data"], dict)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_as_an_event_or_a_body(noise: bytes) -> None:
    good = body_of(log_event())
    for body in (noise, b'{"events":[' + noise + b"]}", good[:-2] + b"," + noise + b"]}"):
        try:
            verdict = read(body)
        except IngestError as error:
            assert 400 <= error.status < 500  # noqa: PT017 - either outcome is right
        else:
            assert verdict.record.event_count + len(verdict.rejected) == verdict.event_count


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 200), st.binary(min_size=1, max_size=4))
def test_a_good_body_with_a_wound(at: int, wound: bytes) -> None:
    good = body_of(
        log_event(extra_data={"a": [1, 2.5, "x"]}), {"kind": "request", "duration_ms": 1}
    )
    at %= len(good)
    try:
        verdict = read(good[:at] + wound + good[at + len(wound) :])
    except IngestError as error:
        assert 400 <= error.status < 500  # noqa: PT017 - either outcome is right
    else:
        assert verdict.record.event_count + len(verdict.rejected) == verdict.event_count


HEADERS = st.sampled_from(
    [
        b"authorization",
        b"x-headwater-key",
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"origin",
        b"x-sent-at",
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(HEADERS, st.binary(max_size=30)), max_size=6),
    st.binary(max_size=60) | st.text("key=sent_at&%0123456789²", max_size=40).map(str.encode),
    st.lists(st.text(max_size=20), max_size=3),
)
def test_any_head_is_read_or_refused(
    headers: list[tuple[bytes, bytes]], query: bytes, origins: list[str]
) -> None:
    try:
        head = read_head({"type": "http", "headers": headers, "query_string": query})
    except IngestError as error:
        assert error.status == 400  # noqa: PT017 - either outcome is right
        return
    origin_is_listed(tuple(origins), head.origin or "")
