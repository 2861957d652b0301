"""One attempt to hand a batch to the gateway."""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx

from headwater_sdk.clock import Clock
from headwater_sdk.options import Settings

_GZIP_FROM_BYTES = 1_024
_LONGEST_WAIT_S = 3_600.0
_SHORTEST_S = 0.001
_LARGEST_ANSWER_BYTES = 1 << 20


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

    def __call__(self, body: bytes, within_s: float | None = None) -> Answer:
        """Return the answer; never raises.

        May block for as long as an answer may take, or for `within_s` where that is less.
        """
        ...

    def reset(self) -> None:
        """Forget connections, as a forked child does."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Remaining(dict[str, float]):
    """Timeouts as httpx has them; for each step of a request what is left of one time for all."""

    def __init__(self, clock: Clock, within_s: float) -> None:
        super().__init__()
        self._clock = clock
        self._until = clock.monotonic() + within_s

    def get(self, _: str, __: object = None) -> float:
        """Return how many seconds a step may take that begins now."""
        return max(_SHORTEST_S, self._until - self._clock.monotonic())

    @property
    def is_over(self) -> bool:
        """Say whether nothing is left."""
        return self._clock.monotonic() > self._until


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

    def __call__(self, body: bytes, within_s: float | None = None) -> Answer:
        """Post the body; the time of sending travels beside it, for the bytes stay the same."""
        longest_s = self._settings.answer_within.total_seconds()
        left = Remaining(self._clock, longest_s if within_s is None else min(longest_s, within_s))
        headers = {
            "Authorization": f"Bearer {self._settings.key}",
            "Content-Type": "application/json",
            "X-Sent-At": str(int(self._clock.now() * 1000)),
        }
        if self._settings.gzip and len(body) > _GZIP_FROM_BYTES:
            body = gzip.compress(body, compresslevel=4, mtime=0)
            headers["Content-Encoding"] = "gzip"
        try:
            with self._open().stream(
                "POST",
                self._settings.url,
                content=body,
                headers=headers,
                extensions={"timeout": left},
            ) as answer:
                return Answer(
                    answer.status_code,
                    min(_LONGEST_WAIT_S, self._wait_of(answer)),
                    _rejected_count(_read(answer, left)) if answer.is_success else 0,
                )
        except Exception:  # no connection, no answer in time, an address that is none
            return Answer(0)

    def _open(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(follow_redirects=False)
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


def _read(answer: httpx.Response, left: Remaining) -> bytes:
    """Return the body, nothing of one that is no gateway's; raises TimeoutError."""
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if left.is_over:
            raise TimeoutError
        if len(body) > _LARGEST_ANSWER_BYTES:
            return b""
    return body


def _rejected_count(body: bytes) -> int:
    try:
        return len(json.loads(body)["rejected"])
    except (ValueError, KeyError, TypeError):
        return 0
