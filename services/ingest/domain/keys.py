"""Ingest keys as the gateway knows them, and what they may do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from libs.common.access_keys import hash_secret, secret_matches, split_key
from services.ingest.domain.errors import OriginRefused, Unauthorized

BROWSER_EVENTS_PER_MINUTE = 60_000
"""Default quota of a browser key, all its pages together, for each gateway process."""

_NO_SUCH_KEY_HASH = hash_secret("no such key")


@dataclass(frozen=True, slots=True)
class IngestKeyRecord:
    """One row of `ingest_keys`."""

    id: str
    secret_hash: bytes
    previous_secret_hash: bytes | None
    previous_valid_until: datetime | None
    application: str
    kind: Literal["browser", "server"]
    origins: tuple[str, ...]
    may_backfill: bool
    events_per_minute: int | None
    is_enabled: bool

    @property
    def is_browser(self) -> bool:
        """Tell whether the key lies open in web pages."""
        return self.kind == "browser"

    @property
    def quota_per_minute(self) -> int | None:
        """Return how many events a minute the key may post; None = no limit."""
        if self.events_per_minute is None and self.is_browser:
            return BROWSER_EVENTS_PER_MINUTE
        return self.events_per_minute


def authenticate(
    keys: dict[str, IngestKeyRecord], text: str | None, now: datetime
) -> IngestKeyRecord:
    """Return the key's record; raises Unauthorized, in the same time whatever is wrong."""
    parts = split_key(text, "hw") if text else None
    key = keys.get(parts[0]) if parts else None
    secret = parts[1] if parts else ""
    matches = secret_matches(secret, key.secret_hash if key else _NO_SUCH_KEY_HASH)
    if key is not None and not matches and key.previous_secret_hash is not None:
        still_valid = key.previous_valid_until is not None and now < key.previous_valid_until
        matches = secret_matches(secret, key.previous_secret_hash) and still_valid
    if key is None or not matches or not key.is_enabled:
        raise Unauthorized("send a valid ingest key: Authorization: Bearer hw_…")
    return key


def origin_is_listed(origins: tuple[str, ...], origin: str) -> bool:
    """Tell whether a page's origin is on a key's list.

    An entry is an origin (`https://app.example.com`), one with a wildcard label in front
    (`https://*.example.com`), or `*`.
    """
    if "*" in origins or origin in origins:
        return True
    page_scheme, _, page_host = origin.partition("://")
    for entry in origins:
        scheme, _, host = entry.partition("://*.")
        if host and page_scheme == scheme and page_host.endswith("." + host):
            return True
    return False


def check_origin(key: IngestKeyRecord, origin: str | None) -> None:
    """Raise OriginRefused where a browser key is used from a page that is not on its list."""
    if not key.is_browser and not key.origins:
        return
    if origin is None and not key.is_browser:
        return
    if origin is None or not origin_is_listed(key.origins, origin):
        raise OriginRefused("the page's origin is not on this key's list")
