"""Settings of the query service."""

from datetime import timedelta

from libs.common.settings import CommonSettings
from libs.common.topics import TELEMETRY


class QuerySettings(CommonSettings):
    """What the query service reads, `HEADWATER_…`."""

    telemetry_topic: str = TELEMETRY.name
    ingest_internal_url: str | None = None
    """Where a gateway answers its internal route; without it dead letters cannot be replayed."""
    public_origin: str | None = None
    """The console's address as browsers see it (`https://logs.example.com`), where a proxy changes
    the Host header; without it the Host header counts."""
    trusted_proxy_hops: int = 0
    """How many proxies in front of us append to X-Forwarded-For; 0 ignores the header."""

    session_lifetime: timedelta = timedelta(hours=12)
    session_is_sliding: bool = False
    """Whether use prolongs a session; without it the lifetime counts from the login."""
    cookie_is_secure: bool = False
    """Marks the cookie Secure also where a request itself came without TLS (behind a proxy)."""
    login_attempts_per_account: int = 10
    login_attempts_per_address: int = 60
    login_window: timedelta = timedelta(minutes=15)

    pool_size: int = 10
    search_budget: timedelta = timedelta(seconds=2)
    """After that a search answers with what it has, and a cursor to go on."""
    statistics_budget: timedelta = timedelta(seconds=5)
    tail_heartbeat: timedelta = timedelta(seconds=10)
    tail_recheck: timedelta = timedelta(seconds=30)
    """How long a tail goes on at the most after its session ended or its rights changed."""
    export_count: int = 4
    """Exports that run at the same time in a process."""
    export_count_budget: timedelta = timedelta(seconds=2)
    """How long an export's rows are counted before it begins."""
    slow_statement: timedelta = timedelta(milliseconds=500)
    max_body_bytes: int = 256 * 1024
    drain_grace: timedelta = timedelta(seconds=10)
