"""Errors as `application/problem+json` (RFC 9457) with a stable `reason` and `retryable`.

HeadwaterError
├── and in each service's domain/errors.py the tree drawn on top of it
"""

from dataclasses import dataclass
from typing import Any

import msgspec


class HeadwaterError(Exception):
    """An error with a code. Domain errors know their reason, never HTTP; `STATUS` maps it."""

    reason = "internal_error"
    retryable = False

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.reason)
        self.detail = detail
        self.extra = extra


@dataclass(frozen=True)
class Problem:
    """One answer that is an error."""

    status: int
    reason: str
    detail: str = ""
    retryable: bool = False
    retry_after_s: int | None = None
    extra: dict[str, Any] | None = None

    def body(self) -> bytes:
        """Return the problem document."""
        document: dict[str, Any] = {
            "type": f"urn:headwater:problem:{self.reason.replace('_', '-')}",
            "title": self.reason.replace("_", " "),
            "status": self.status,
            "reason": self.reason,
            "retryable": self.retryable,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.extra:
            document |= self.extra
        return msgspec.json.encode(document)

    def headers(self) -> dict[str, str]:
        """Return the headers of the answer."""
        headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
        if self.retry_after_s is not None:
            headers["retry-after"] = str(self.retry_after_s)
        return headers
