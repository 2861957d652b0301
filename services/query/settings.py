"""Settings of the query service."""

from datetime import timedelta

from pydantic import NonNegativeInt

from libs.common.settings import CommonSettings, Count
from libs.common.topics import TELEMETRY


class QuerySettings(CommonSettings):
    """What the query service reads, `HEADWATER_…`."""

    telemetry_topic: str = TELEMETRY.name
    """Kafka topic whose lag health shows."""
    ingest_internal_url: str | None = None
    """Where a gateway answers its internal route; without it dead letters cannot be replayed."""
    public_origin: str | None = None
    """The console's address as browsers see it (`https://logs.example.com`), where a proxy changes
    the Host header; without it the Host header counts."""
    trusted_proxy_hops: NonNegativeInt = 0
    """How many proxies in front of us append to X-Forwarded-For; 0 ignores the header."""

    session_lifetime: timedelta = timedelta(hours=12)
    """How long a login lasts."""
    session_is_sliding: bool = False
    """Whether use prolongs a session; without it the lifetime counts from the login."""
    cookie_is_secure: bool = False
    """Marks the cookie Secure also where a request itself came without TLS (behind a proxy)."""
    login_attempts_per_account: Count = 10
    """Failed logins of one account from one address (IPv6: one /64) within the window."""
    login_attempts_in_all: Count = 100
    """Failed logins of one account from all addresses; beyond it only those get in from which the
    account has signed in since the process started."""
    login_attempts_per_address: Count = 60
    """Failed logins from one address within the window, whatever the account."""
    login_window: timedelta = timedelta(minutes=15)
    """Over which failed logins are counted."""

    pool_size: Count = 10
    """Connections to PostgreSQL of one process."""
    search_budget: timedelta = timedelta(seconds=2)
    """After that a search answers with what it has, and a cursor to go on."""
    tail_heartbeat: timedelta = timedelta(seconds=10)
    """How long a tail is silent at the most."""
    tail_recheck: timedelta = timedelta(seconds=30)
    """How long a tail goes on at the most after its session ended or its rights changed."""
    export_count: Count = 4
    """Exports that run at the same time in a process."""
    export_count_budget: timedelta = timedelta(seconds=2)
    """How long an export's rows are counted before it begins."""
    statistics_budget: timedelta = timedelta(seconds=5)
    """After that statistics answer with what was counted, and down to when."""
    slow_statement: timedelta = timedelta(milliseconds=500)
    """Statements that took longer are logged, with the trace id."""
    max_body_bytes: Count = 256 * 1024
    """Of a request to the API."""
    drain_grace: timedelta = timedelta(seconds=10)
    """After SIGTERM, for requests that run."""
