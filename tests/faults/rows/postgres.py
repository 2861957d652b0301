"""Rows 23 to 29: PostgreSQL."""

import asyncio
import contextlib
import time
from datetime import timedelta
from pathlib import Path

import asyncpg

from headwater.stack import StackError
from tests.faults import database as db
from tests.faults.runner import Row
from tests.faults.scene import Scene, StagePlan
from tests.faults.servers import freeze_all, limit_file_size, thaw_all

LOGS = "/api/v1/logging/logs?limit=1"
SPARED_BYTES = 256 * 1024
UNLIMITED = -1


async def kill_postmaster(scene: Scene) -> None:
    """Kill the postmaster; it is down for 5 s."""
    await scene.broken.postgres.kill()
    await asyncio.sleep(5)
    await scene.broken.postgres.start()
    scene.fault_ends()
    _expect_same_processes(scene)


async def hang(scene: Scene) -> None:
    """Freeze the whole server for 90 s: no answer, no reset."""
    freeze_all(scene.broken.postgres)
    await asyncio.sleep(90)
    thaw_all(scene.broken.postgres)
    scene.fault_ends()
    _expect_same_processes(scene)


async def drop_established(scene: Scene) -> None:
    """Every open connection falls silent both ways for 60 s; new ones work."""
    proxy = scene.broken.postgres_proxy
    proxy.silence_established()
    await asyncio.sleep(60)
    before_heal = await _stored(scene)
    proxy.heal()
    scene.fault_ends()
    _expect_same_processes(scene)
    scene.notes.append(f"{before_heal} rows were stored before the silence ended")


async def terminate_backends(scene: Scene, seconds: float = 60) -> None:
    """End all sessions of the services every 2 s."""
    ended = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        rows = await scene.sql(
            """SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE 'headwater-%'"""
        )
        ended += rows[0]["n"]
        await asyncio.sleep(2)
    scene.fault_ends()
    scene.notes.append(f"{ended} sessions ended")
    _expect_same_processes(scene)


async def fill_disk(scene: Scene) -> None:
    """No room on the data disk for 30 s; the server is started again until it stays."""
    disk = scene.broken.disk
    postgres = scene.broken.postgres
    if disk is not None:
        ballast = disk / "ballast"
        await asyncio.to_thread(_fill, ballast)
        scene.notes.append("a small disk of its own was filled")
    else:
        limit_file_size(postgres, SPARED_BYTES)
        scene.notes.append("no mount permitted: a quota on file sizes stands in")
    reads: list[int | None] = []
    crashed = False
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if postgres.is_running:
            answer = await scene.ask_console(LOGS)
            reads.append(answer.status if answer else None)
        else:
            crashed = True
            with contextlib.suppress(StackError):
                await postgres.start()
        await asyncio.sleep(2)
    if disk is not None:
        await asyncio.to_thread(ballast.unlink)
    else:
        limit_file_size(postgres, UNLIMITED)
    if not postgres.is_running:
        await postgres.start()
    scene.fault_ends()
    _expect_same_processes(scene)
    scene.notes.append(
        f"the console answered {sorted(set(map(str, reads)))}"
        + ("; PostgreSQL ended itself and was started again" if crashed else "")
    )
    if any(status not in (200, 503) for status in reads):
        scene.problems.append(f"the console answered {reads}")


def _fill(ballast: Path) -> None:
    block = bytes(1024 * 1024)
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(block) == len(block):
            pass


async def hold_lock(scene: Scene) -> None:
    """Somebody holds ACCESS EXCLUSIVE on the newest slices of the logs for 60 s."""
    slices = await scene.sql(
        """SELECT string_agg(quote_ident(name), ', ') AS names FROM slices
            WHERE table_name = 'app_logs' AND upper_bound > now()"""
    )
    connection = await db.connect(scene.url)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {slices[0]['names']} IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(60)
    finally:
        await connection.close()
    scene.fault_ends()
    _expect_same_processes(scene)


async def use_up_connections(scene: Scene) -> None:
    """Somebody takes every connection of the server for 30 s."""
    hogs: list[asyncpg.Connection] = []
    statuses: set[int | None] = set()
    own = await db.connect(scene.url)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            await own.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name LIKE 'headwater-%'"""
            )
            with contextlib.suppress(asyncpg.TooManyConnectionsError, asyncpg.PostgresError):
                while True:
                    hogs.append(await db.connect(scene.servers.direct_url("postgres")))
            answer = await scene.ask_console(LOGS)
            statuses.add(answer.status if answer else None)
            await asyncio.sleep(1)
    finally:
        for hog in hogs:
            hog.terminate()
        await own.close()
    scene.fault_ends()
    _expect_same_processes(scene)
    scene.notes.append(f"{len(hogs)} connections taken; the console answered {statuses}")
    if 503 not in statuses or not statuses <= {200, 503}:
        scene.problems.append(f"the console answered {statuses}, not 503")


async def _stored(scene: Scene) -> int:
    rows = await scene.sql("SELECT coalesce(sum(row_count), 0)::bigint AS n FROM slice_counts")
    return int(rows[0]["n"])


def _expect_same_processes(scene: Scene) -> None:
    ended = [p.name for p in (*scene.gateways, *scene.writers) if not p.is_running]
    if ended:
        scene.problems.append(f"{ended} ended: the pool has to heal without a restart")


ROWS = (
    Row("23", "Postgres", "kill -9 of the postmaster, down for 5 s", "exactly once",
        kill_postmaster, timedelta(seconds=45)),
    Row("24", "Postgres", "SIGSTOP of the whole server for 90 s (hang, no reset)",
        "timeouts fire, pools heal without restart", hang, timedelta(seconds=60)),
    Row("25", "Postgres", "established connections silent both ways for 60 s",
        "timeouts fire, pools heal without restart", drop_established, timedelta(seconds=60)),
    Row("26", "Postgres", "pg_terminate_backend of all clients every 2 s for 60 s",
        "exactly once", terminate_backends, timedelta(seconds=15)),
    Row("27", "Postgres", "data disk full for 30 s",
        "the writer waits, Kafka keeps all, it resumes", fill_disk, timedelta(seconds=60),
        StagePlan(with_query=True)),
    Row("28", "Postgres", "ACCESS EXCLUSIVE on the newest slices for 60 s",
        "bounded waits, no crash loop", hold_lock, timedelta(seconds=30)),
    Row("29", "Postgres", "max_connections used up for 30 s",
        "503 on the console, the writer retries", use_up_connections, timedelta(seconds=30),
        StagePlan(with_query=True)),
)  # fmt: skip
