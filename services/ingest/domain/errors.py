"""What can be wrong with a request, each with a stable reason.

HeadwaterError
└── IngestError
    ├── Unauthorized        key missing, malformed, unknown, disabled
    ├── UnknownDsn          the same of a Sentry client, in its words
    ├── OriginRefused       the page's origin is not on the key's list
    ├── UnsupportedEncoding, UnsupportedType
    ├── BodyTooLarge, BatchTooLarge, RecordRefused
    ├── MalformedBody       not JSON, not gzip, not UTF-8, cut off
    ├── InvalidBatch        JSON, but no batch
    ├── BodyTooSlow
    ├── RateLimited
    ├── Unavailable         Kafka slow or away, overload, a topic that grows, shutting down
    ├── WrongMethod         another than POST
    └── Unexpected          our own fault
"""

from libs.common.http.problems import HeadwaterError


class IngestError(HeadwaterError):
    """A request that is not answered with 202."""

    status = 400
    retry_after_s: int | None = None


class Unauthorized(IngestError):
    """The ingest key is missing or not valid; the answer does not say which."""

    status, reason = 401, "invalid_key"


class UnknownDsn(IngestError):
    """The DSN's public key is missing or not a valid ingest key."""

    status, reason = 403, "invalid_key"


class OriginRefused(IngestError):
    """The key is a browser's and the page's origin is not on its list."""

    status, reason = 403, "origin_not_allowed"


class UnsupportedEncoding(IngestError):
    """The content encoding is neither identity nor gzip."""

    status, reason = 415, "unsupported_encoding"


class UnsupportedType(IngestError):
    """The content type is neither application/json nor text/plain."""

    status, reason = 415, "unsupported_type"


class BodyTooLarge(IngestError):
    """The body is beyond the limit, before or after decompression."""

    status, reason = 413, "body_too_large"


class BatchTooLarge(IngestError):
    """The batch has more events than the limit."""

    status, reason = 413, "too_many_events"


class RecordRefused(IngestError):
    """The batch is larger than a Kafka record may be."""

    status, reason = 413, "batch_too_large"


class MalformedBody(IngestError):
    """The body cannot be read as JSON."""

    status, reason = 400, "malformed_body"


class InvalidBatch(IngestError):
    """The body is JSON but not a batch."""

    status, reason = 422, "invalid_batch"


class BodyTooSlow(IngestError):
    """The body did not arrive in time."""

    status, reason, retryable = 408, "body_too_slow", True


class RateLimited(IngestError):
    """The key has used up its quota."""

    status, reason, retryable = 429, "rate_limited", True


class Unavailable(IngestError):
    """The gateway cannot publish just now; the same batch may be sent again later."""

    status, reason, retryable, retry_after_s = 503, "unavailable", True, 2


class WrongMethod(IngestError):
    """The route takes POST only."""

    status, reason = 405, "method_not_allowed"


class Unexpected(IngestError):
    """Our own fault. The client keeps the batch: a later version may take it."""

    status, reason, retryable, retry_after_s = 500, "internal_error", True, 30
