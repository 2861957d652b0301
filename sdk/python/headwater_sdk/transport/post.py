"""One attempt to hand a batch to the gateway."""

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx

from headwater_sdk.clock import Clock
from headwater_sdk.options import Settings

_GZIP_FROM_BYTES = 1_024
_LONGEST_WAIT_S = 3_600.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    """0 where no answer came."""
    wait_s: float = 0.0
    """From `Retry-After`; 0 where it says nothing."""
    rejected_count: int = 0
    """Events that the gateway took out of an accepted batch."""


class Post(Protocol):
    """Makes one attempt."""

    def __call__(self, body: bytes) -> Answer:
        """Return the answer; may block for as long as an answer may take, never raises."""
        ...

    def reset(self) -> None:
        """Forget connections, as a forked child does."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class HttpPost:
    """Posts to the gateway over one kept connection."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client: httpx.Client | None = None

    def reset(self) -> None:
        """Forget the connection without closing it: over TLS that would end the parent's too."""
        self._client = None

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def __call__(self, body: bytes) -> Answer:
        """Post the body; the time of sending travels beside it, for the bytes stay the same."""
        headers = {
            "Authorization": f"Bearer {self._settings.key}",
            "Content-Type": "application/json",
            "X-Sent-At": str(int(self._clock.now() * 1000)),
        }
        if self._settings.gzip and len(body) > _GZIP_FROM_BYTES:
            body = gzip.compress(body, compresslevel=4, mtime=0)
            headers["Content-Encoding"] = "gzip"
        try:
            answer = self._open().post(self._settings.url, content=body, headers=headers)
            return Answer(
                answer.status_code,
                min(_LONGEST_WAIT_S, self._wait_of(answer)),
                _rejected_count(answer),
            )
        except Exception:  # no connection, no answer in time, an address that is none
            return Answer(0)

    def _open(self) -> httpx.Client:
        if self._client is None:
            timeout = self._settings.answer_within.total_seconds()
            self._client = httpx.Client(timeout=timeout, follow_redirects=False)
        return self._client

    def _wait_of(self, answer: httpx.Response) -> float:
        text = answer.headers.get("retry-after", "").strip()
        if text.isdecimal():
            return float(text)
        try:
            moment: datetime = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, aware.timestamp() - self._clock.now())


def _rejected_count(answer: httpx.Response) -> int:
    if not answer.is_success:
        return 0
    try:
        return len(answer.json()["rejected"])
    except (ValueError, KeyError, TypeError):
        return 0
