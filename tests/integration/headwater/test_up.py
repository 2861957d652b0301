"""`headwater up`, `status` and `down` as a user types them, and what they do after a crash."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from headwater.home import Home
from headwater.settings import inherited_environment
from headwater.stack.process import start_of

pytestmark = pytest.mark.timeout(300)

PARTS = {"kafka", "postgres", "ingest", "writer", "query"}


class Installation:
    """A home that is driven by the command line only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        ours = {"HEADWATER_DATABASE_URL", "HEADWATER_KAFKA_BOOTSTRAP"}
        environment = {k: v for k, v in inherited_environment().items() if k not in ours}
        return subprocess.run(
            [sys.executable, "-m", "headwater", *arguments, "--home", str(self.path)],
            capture_output=True,
            text=True,
            check=False,
            env={**environment, "CI": "true"},
        )

    def up(self) -> str:
        done = self.command("up", "--detach")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return shown

    def pids(self) -> dict[str, int]:
        return {name: part["pid"] for name, part in self.status()["processes"].items()}

    def kill_supervisor(self) -> None:
        pid = Home(self.path).owner_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while start_of(pid) is not None:
            pass


@pytest.fixture(scope="module")
def installation(run_folder: Path) -> Iterator[Installation]:
    made = Installation(run_folder / f"home-{uuid4().hex[:8]}")
    yield made
    made.command("down")


@pytest.fixture
def running(installation: Installation) -> Installation:
    installation.up()
    return installation


async def post(client: httpx.AsyncClient, status: dict[str, Any], message: str) -> int:
    event = {"kind": "log", "level": "INFO", "message": message}
    answer = await client.post(
        status["ingest_url"],
        json={"batch_id": str(uuid4()), "events": [event]},
        headers={"Authorization": f"Bearer {status['ingest_key']}"},
    )
    return answer.status_code


def read_messages(status: dict[str, Any]) -> list[str]:
    answer = httpx.get(
        f"{status['console_url']}/api/v1/logging/logs",
        params={"application": "demo", "limit": "1000"},
        headers={"Authorization": f"Bearer {status['api_token']}"},
    )
    assert answer.status_code == 200, answer.text
    return sorted(item["message"] for item in answer.json()["items"])


def test_up_tells_what_a_newcomer_needs(running: Installation) -> None:
    told = running.up()  # It runs: the command says so again and changes nothing.
    status = running.status()
    for shown in ("console_url", "admin_email", "admin_password", "ingest_key", "ingest_url"):
        assert status[shown] in told
    assert status["ready"]
    assert status["processes"].keys() == PARTS
    assert all(part["ready"] and part["pid"] for part in status["processes"].values())
    assert running.command("status").returncode == 0


async def test_a_gateway_that_is_killed_refuses_no_connection(running: Installation) -> None:
    status = running.status()
    os.kill(running.pids()["ingest"], signal.SIGKILL)
    # Connections wait in the socket that the supervisor holds; whoever was answered by the old
    # process would have got a broken connection, hence new ones only.
    async with httpx.AsyncClient(timeout=60) as client:
        codes = await asyncio.gather(
            *(post(client, status, f"while away {number}") for number in range(5))
        )
    assert set(codes) <= {202, 503}


async def test_a_killed_supervisor_leaves_what_the_next_one_clears(running: Installation) -> None:
    before, old = running.status(), running.pids()
    async with httpx.AsyncClient(timeout=60) as client:
        assert await post(client, before, "kept") == 202
    await asyncio.to_thread(running.kill_supervisor)
    assert (await asyncio.to_thread(running.command, "status")).returncode == 1
    told = await asyncio.to_thread(running.up)
    assert "Ended what an earlier run had left: ingest, kafka, postgres, query, writer" in told
    after = running.status()
    assert [start_of(pid) for pid in old.values()] == [None] * len(old)
    for kept in ("console_url", "ingest_url", "ingest_key", "api_token", "database_url"):
        assert after[kept] == before[kept]
    assert "kept" in read_messages(after)


def test_administration_by_command(running: Installation) -> None:
    made = running.command("keys", "create", "shop", "--name", "the shop")
    assert made.stdout.startswith("hw_"), made.stderr
    key_id = made.stdout.split("_")[1]
    assert running.command("keys", "disable", key_id).returncode == 0
    assert f"{key_id}  disabled" in running.command("keys", "list").stdout
    assert running.command("keys", "rotate", "none").stderr == "there is no key none\n"
    email = "ann@example.org"
    assert len(running.command("users", "create", email).stdout.strip()) >= 12
    assert running.command("users", "set-subjects", email, "shop:7").returncode == 0
    assert '[["shop", "7"]]' in running.command("users", "list").stdout
    assert "telemetry" in running.command("topics", "list").stdout
    assert running.command("topics", "create").stdout == "All topics are there\n"
    assert running.command("topics", "adopt", "telemetry").stdout == "Nothing stands still\n"
    assert "is at revision" in running.command("migrate").stdout


def test_a_topic_grows_while_everything_runs(running: Installation) -> None:
    grown = running.command("topics", "grow", "telemetry", "14")
    assert grown.returncode == 0, grown.stdout + grown.stderr
    assert "14 partitions" in running.command("topics", "list").stdout
    assert running.command("topics", "grow", "telemetry", "2").returncode == 1


def test_down_ends_everything(running: Installation) -> None:
    pids = running.pids()
    assert running.command("down").stdout == f"Stopped {running.path}\n"
    assert [start_of(pid) for pid in pids.values()] == [None] * len(pids)
    assert running.command("status").returncode == 1
    assert running.command("down").stdout == f"Nothing runs in {running.path}\n"


def test_down_ends_what_a_killed_supervisor_left(running: Installation) -> None:
    pids = running.pids()
    running.kill_supervisor()
    assert "had left" in running.command("down").stdout
    assert [start_of(pid) for pid in pids.values()] == [None] * len(pids)


def test_a_start_that_fails_names_the_log_and_leaves_nothing(
    installation: Installation,
) -> None:
    installation.command("down")
    local = installation.path / "postgres" / "data" / "local.conf"
    local.parent.mkdir(parents=True, exist_ok=True)
    kept = local.read_text() if local.exists() else ""
    local.write_text("no_such_setting = 1\n")
    try:
        failed = installation.command("up", "--detach")
    finally:
        local.write_text(kept)
    assert failed.returncode == 1
    assert "FAIL  postgres" in failed.stdout
    assert "no_such_setting" in failed.stdout
    assert str(installation.path / "logs" / "postgres.log") in failed.stdout
    assert Home(installation.path).owner_pid() is None
    assert list((installation.path / "run").iterdir()) == []
