"""Events that hold secrets, half-secrets and look-alikes, and the ways to write them as JSON."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

CARDS = ("4111111111111111", "5555 5555 5555 4444", "3782-822463-10005", "6011000990139424")
SSNS = ("078-05-1120", "219-09-9999")
SENSITIVE_NAMES = ("password", "token", "access_token", "refresh_token", "secret", "api_key")
FRAGMENTS = (
    *SENSITIVE_NAMES, *CARDS, *SSNS, "passwd", "Authorization", "Cookie", "set-cookie",
    "bearer ", "Basic ", "c3ZjOmhleGxleQ==", "eyJhbGciOi.eyJzdWIi.c2ln", "://", "user:pw@",
    "user@host", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----",
    "DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "ssn ", "otp", "cvv",
    "social security ", "219099999", "author", "token_count", "max_tokens", "_type", "has_",
    "--", "null", "true", "=", ":", "=>", " = ", ": ", "%3D", "&", ";", ",", " ", "  ", "\n",
    "\t", "\\", "\\n", '"', "'", "`", "{", "}", "[", "]", "(", ")", "<", ">", "/", "?", "#",
    "@", ".", "-", "+", "0", "4", "42", "4111", "1111", "x", "Z", "ab", "é", "漢", "\u200b",
    "\u00a0", "\u2011", "ｐ", "４", "𝐩", "ſ", "\u212a", "ⓟ", "™", "…", "\x00", "\x1a", "\x7f",
    "🙂", "[REDACTED]", '{"password":"x"}', '{"a":"4111111111111111"}', '["token=abc"]',
    "https://h/p?q=1", "2026-11-22T10:00:00Z", "41111111-1111-4111-8111-111111111111",
    "1700000000000", "hunter2",
)  # fmt: skip

FLAGS = ("--password", "-pwd", "--user-token", "--v", "--token-count", "--ｐassword", "secret")

texts = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join),
    st.text(max_size=12),
)
keys = st.one_of(
    st.sampled_from(
        (
            *SENSITIVE_NAMES,
            "note",
            "apiKey",
            "user[password]",
            "PGPASSWORD",
            "token_type",
            "name",
            "value",
        )
    ),
    texts,
)
numbers = st.one_of(
    st.integers(min_value=-(2**53), max_value=2**53),
    st.sampled_from((4111111111111111, 378282246310005, 1700000000000)),
    st.floats(allow_nan=False, allow_infinity=False),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.tuples(texts | st.sampled_from(FLAGS), inner).map(list),
        st.lists(st.sampled_from(FLAGS) | inner, max_size=4),
        inner.map(lambda value: msgspec.json.encode(value).decode()),
    ),
    max_leaves=8,
)
events = st.dictionaries(keys, values, min_size=1, max_size=5)


def _escape_some(value: Any) -> bytes:
    """Write letters as escapes, as a sender may who hides a word or only likes ASCII."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace("s", "\\u0073").encode()


WRITERS: tuple[Callable[[Any], bytes], ...] = (
    msgspec.json.encode,
    lambda value: json.dumps(value).encode(),
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(),
    lambda value: json.dumps(value, ensure_ascii=False, indent=1).encode(),
)
writers = st.sampled_from(WRITERS)
escaping_writer = _escape_some
