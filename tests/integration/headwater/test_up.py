"""`headwater up`, `status` and `down` as a user types them, and what they do after a crash."""

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from headwater.home import Home
from headwater.stack.ports import PortBook
from headwater.stack.process import find_leftovers
from tests.integration.headwater.installation import (
    Installation,
    all_gone,
    post_all,
    read_messages,
    shows,
    until,
)

pytestmark = pytest.mark.timeout(300)

PARTS = {"kafka", "postgres", "ingest", "writer", "query"}


@pytest.fixture(scope="module")
def installation(run_folder: Path) -> Iterator[Installation]:
    made = Installation(run_folder / f"home-{uuid4().hex[:8]}")
    yield made
    made.command("down")


@pytest.fixture
def running(installation: Installation) -> Installation:
    if Home(installation.path).owner_pid() is None:
        installation.up()
    # Whatever an earlier test killed is back.
    until(lambda: installation.status()["ready"])
    return installation


@pytest.fixture
def stopped(installation: Installation) -> Installation:
    """Return the home stopped in order, after at least one start."""
    if not (installation.path / "kafka" / "cluster_id").exists():
        installation.up()
    installation.command("down")
    return installation


def test_up_tells_what_a_newcomer_needs(running: Installation) -> None:
    told = running.up()  # It runs: the command says so again and changes nothing.
    shown = running.command("status", "--json")
    assert shown.returncode == 0
    status = json.loads(shown.stdout)
    assert status == running.status()
    told_names = ["console_url", "admin_email", "admin_password", "ingest_key", "ingest_url"]
    for name in [*told_names, "sentry_dsn", "otlp_endpoint"]:
        assert status[name] in told
    assert post_by_doors(status) == [200, 200]
    assert status["ready"]
    assert status["processes"].keys() == PARTS
    assert all(part["ready"] and part["pid"] for part in status["processes"].values())
    assert post_all(status, ["hello"]) == [202]
    until(shows(status, "hello"))


def post_by_doors(status: dict[str, Any]) -> list[int]:
    """Post by OTLP and by Sentry's protocol to where the status says; return the answers' codes."""
    dsn = urlsplit(status["sentry_dsn"])
    envelope = f"http://{dsn.hostname}:{dsn.port}/api{dsn.path}/envelope/?sentry_key={dsn.username}"
    headers = {"authorization": f"Bearer {status['ingest_key']}"}
    with httpx.Client(timeout=15) as client:
        logs = client.post(status["otlp_endpoint"], json={"resourceLogs": []}, headers=headers)
        return [logs.status_code, client.post(envelope, content=b"{}").status_code]


def test_a_home_of_before_is_closed_to_others(stopped: Installation) -> None:
    folders = [stopped.path, *(stopped.path / name for name in ("kafka", "logs", "postgres"))]
    for folder in folders:
        folder.chmod(0o755)
    stopped.up()
    until(lambda: stopped.status()["ready"])
    may_read = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
    assert [folder.name for folder in folders if folder.stat().st_mode & may_read] == []


def test_a_gateway_that_is_killed_refuses_no_connection(running: Installation) -> None:
    status, restarts = running.status(), running.restarts("ingest")
    os.kill(running.pids()["ingest"], signal.SIGKILL)
    # Connections wait in the socket that the supervisor holds; whoever was answered by the old
    # process would have got a broken connection, hence new ones only.
    sent = [f"while away {number}" for number in range(5)]
    assert set(post_all(status, sent)) <= {202, 503}
    until(lambda: running.status()["ready"])
    assert running.restarts("ingest") == restarts + 1


def test_a_service_that_keeps_ending_comes_back_more_slowly(running: Installation) -> None:
    began, restarts = len(running.supervisor_log()), running.restarts("writer")
    for round_number in (1, 2):
        os.kill(running.pids()["writer"], signal.SIGKILL)
        until(lambda: running.restarts("writer") == restarts + round_number)  # noqa: B023
        until(lambda: running.status()["ready"])
    ends = [line for line in running.supervisor_log()[began:] if line["event"] == "ended"]
    assert [(line["part"], line["restart_in_seconds"]) for line in ends] == [
        ("writer", 0.2),
        ("writer", 0.8),
    ]


def test_a_killed_supervisor_leaves_what_the_next_one_clears(running: Installation) -> None:
    before, old = running.status(), running.pids()
    assert post_all(before, ["kept"]) == [202]
    running.kill_supervisor()
    assert not all_gone(old)
    assert running.command("status").returncode == 1
    told = running.up()
    assert "Ended what an earlier run had left: ingest, kafka, postgres, query, writer" in told
    after = running.status()
    assert all_gone(old)
    for kept in ("console_url", "ingest_url", "ingest_key", "api_token", "database_url"):
        assert after[kept] == before[kept]
    until(shows(after, "kept"))


def test_a_topic_grows_while_everything_runs(running: Installation) -> None:
    grown = running.command("topics", "grow", "telemetry", "14")
    assert grown.returncode == 0, grown.stdout + grown.stderr
    assert "14 partitions" in running.command("topics", "list").stdout
    assert post_all(running.status(), ["after growth"]) == [202]
    until(shows(running.status(), "after growth"))


def test_another_home_beside_it_until_sigterm(running: Installation, run_folder: Path) -> None:
    other = Installation(run_folder / f"home-{uuid4().hex[:8]}")
    port = PortBook(other.path / "ports.json").take("chosen")
    process = other.foreground("--port", str(port), "--gateways", "2")
    try:
        until(lambda: (other.path / "state.json").exists() and other.status()["ready"], 90)
        here, there, pids = running.status(), other.status(), other.pids()
        assert pids.keys() == (PARTS - {"ingest"}) | {"ingest-1", "ingest-2"}
        assert there["console_url"] == f"http://127.0.0.1:{port}"
        for address in ("ingest_url", "database_url", "kafka_bootstrap"):
            assert here[address] != there[address]
        assert post_all(there, ["there"]) == [202]
        until(shows(there, "there"))
        assert "there" not in read_messages(here)
        assert other.warnings("writer") == [], "the first things that a newcomer would find"
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
        other.command("down")
    assert process.returncode == 0, told
    assert "Headwater is up." in told
    assert told.endswith("Stopping ...\nStopped.\n")
    assert all_gone(pids)
    assert find_leftovers(other.path / "run") == []
    assert running.status()["ready"]


def test_a_home_that_is_deleted_ends_what_ran_in_it(
    running: Installation, run_folder: Path
) -> None:
    other = Installation(run_folder / f"home-{uuid4().hex[:8]}")
    process = other.foreground()
    try:
        until(lambda: (other.path / "state.json").exists() and other.status()["ready"], 90)
        pids = other.pids()
        gone = other.path.rename(other.path.with_name(f"{other.path.name}-gone"))
        told, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "was deleted while it ran" in told
    assert all_gone(pids)
    assert not other.path.exists()
    assert find_leftovers(gone / "run") == []
    assert running.status()["ready"]


def test_down_ends_everything(running: Installation) -> None:
    pids = running.pids()
    assert running.command("down").stdout == f"Stopped {running.path}\n"
    assert all_gone(pids)
    assert running.command("status").returncode == 1
    assert running.command("down").stdout == f"Nothing runs in {running.path}\n"


def test_down_ends_what_a_killed_supervisor_left(running: Installation) -> None:
    pids = running.pids()
    running.kill_supervisor()
    assert "had left" in running.command("down").stdout
    assert all_gone(pids)


def test_what_cannot_start_says_why_and_leaves_nothing(stopped: Installation) -> None:
    local = stopped.path / "postgres" / "data" / "local.conf"
    kept = local.read_text()
    local.write_text("no_such_setting = 1\n")
    try:
        failed = stopped.command("up", "--detach")
    finally:
        local.write_text(kept)
    assert failed.returncode == 1
    assert "FAIL  postgres" in failed.stdout
    assert "no_such_setting" in failed.stdout
    assert str(stopped.path / "logs" / "postgres.log") in failed.stdout
    assert Home(stopped.path).owner_pid() is None
    assert list((stopped.path / "run").iterdir()) == []


def test_a_home_whose_kafka_has_another_size_is_left_alone(stopped: Installation) -> None:
    refused = stopped.command("up", "--detach", "--brokers", "3")
    assert refused.returncode == 1
    assert "has Kafka with --brokers 1: for 3 choose another --home" in refused.stdout
