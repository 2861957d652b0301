"""Cross-origin rules: pages on a browser key's list may post, without credentials."""

from collections.abc import Iterable

from libs.common.http.problems import Problem
from services.ingest.api.requests import RequestHead
from services.ingest.domain.keys import IngestKeyRecord, origin_is_listed

_ALLOWED_HEADERS = (
    b"authorization, x-headwater-key, content-type, content-encoding, x-sent-at, "
    b"x-trace-id, traceparent, x-sentry-auth"
)
_EXPOSED_HEADERS = b"retry-after, x-sentry-rate-limits, x-trace-id"
Headers = list[tuple[bytes, bytes]]


def answer_headers(keys: Iterable[IngestKeyRecord], origin: str | None) -> Headers:
    """Return the headers that let a page read the answer that one of these keys lists."""
    if origin is None or not is_listed(keys, origin):
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", _EXPOSED_HEADERS),
        (b"vary", b"Origin"),
    ]


def is_listed(keys: Iterable[IngestKeyRecord], origin: str) -> bool:
    """Tell whether one of the keys allows pages of this origin."""
    return any(key.is_enabled and origin_is_listed(key.origins, origin) for key in keys)


def preflight(keys: dict[str, IngestKeyRecord], head: RequestHead) -> tuple[int, bytes, Headers]:
    """Answer an OPTIONS request: a preflight carries no key, so any key's list may allow it."""
    origin = head.origin
    if origin is None or not is_listed(keys.values(), origin):
        problem = Problem(403, "origin_not_allowed", "no ingest key lists this origin")
        headers = [(k.encode(), v.encode()) for k, v in problem.headers().items()]
        return 403, problem.body(), [*headers, (b"vary", b"Origin")]
    return (
        204,
        b"",
        [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", b"7200"),
            (b"vary", b"Origin"),
        ],
    )
