"""The settings of a local PostgreSQL. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MEGABYTE = 1024 * 1024
SHARED_BUFFERS_MAX_BYTES = 2048 * MEGABYTE
SHARED_BUFFERS_MIN_BYTES = 128 * MEGABYTE


@dataclass(frozen=True)
class PostgresOptions:
    """What may differ between the local stack, tests and bench."""

    shared_buffers_bytes: int | None = None
    """None takes an eighth of the memory, at most 2 GiB."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings on top of, or instead of, the standard ones."""

    @classmethod
    def quick(cls) -> "PostgresOptions":
        """Return options for tests: small and without waiting for the disk.

        Not for tests of crashes: what was committed may be lost with the machine.
        """
        return cls(
            shared_buffers_bytes=SHARED_BUFFERS_MIN_BYTES,
            settings={"fsync": "off", "full_page_writes": "off", "max_wal_size": "1GB"},
        )


def shared_buffers_bytes(memory_bytes: int, options: PostgresOptions) -> int:
    """Return the size of the buffer cache for a machine with this much memory."""
    if options.shared_buffers_bytes is not None:
        return options.shared_buffers_bytes
    return max(SHARED_BUFFERS_MIN_BYTES, min(SHARED_BUFFERS_MAX_BYTES, memory_bytes // 8))


def postgresql_conf(port: int, memory_bytes: int, options: PostgresOptions) -> str:
    """Return `postgresql.conf`; a `local.conf` beside it may override what it says."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        # No socket files: nothing is left of them after a crash, and no path is too long for one.
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "max_connections": "100",
        "shared_buffers": f"{shared_buffers_bytes(memory_bytes, options) // MEGABYTE}MB",
        "work_mem": "64MB",
        "maintenance_work_mem": "256MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        # A reader or a DDL statement takes a lock per slice and index.
        "max_locks_per_transaction": "1024",
        "max_worker_processes": "8",
        "max_parallel_workers": "2",
        "max_parallel_workers_per_gather": "1",
        "max_parallel_maintenance_workers": "1",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%a ",
        "log_checkpoints": "off",
        **options.settings,
    }
    lines = [f"{name} = {_quote(value)}\n" for name, value in settings.items()]
    return "# Written on every start; put your own settings into local.conf.\n" + "".join(
        [*lines, "include = 'local.conf'\n"]
    )


def initdb_arguments(data: Path, password_file: Path) -> tuple[str, ...]:
    """Return the arguments for a cluster with code point order and case rules of all scripts."""
    return (
        f"--pgdata={data}",
        f"--pwfile={password_file}",
        "--username=headwater",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--lc-collate=C",
        "--lc-ctype=C.UTF-8",
        "--no-sync",
    )


def _quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
