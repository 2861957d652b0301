"""A home that is driven as a user drives it: by the command line and over HTTP."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from headwater.home import Home
from headwater.settings import inherited_environment
from headwater.stack.ports import PortBook
from headwater.stack.process import start_of

NODES = ("kafka", "kafka-1", "kafka-2", "kafka-3")
PORTS = (*NODES, *(f"{node}-controller" for node in NODES), "postgres", "ingest", "query", "writer")
"""What a home needs, of this test worker's share: left to itself it might take another's."""


class Installation:
    """One home."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in PORTS:
            PortBook(path / "ports.json").take(name)
        ours = {"HEADWATER_DATABASE_URL", "HEADWATER_KAFKA_BOOTSTRAP"}
        environment = {k: v for k, v in inherited_environment().items() if k not in ours}
        self._environment = {**environment, "CI": "true"}

    def _argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "headwater", *arguments, "--home", str(self.path)]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._argv(*arguments),
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            timeout=100,
        )

    def foreground(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `up` as on a terminal; its output comes with `communicate`."""
        return subprocess.Popen(
            self._argv("up", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
        )

    def up(self, *arguments: str) -> str:
        done = self.command("up", "--detach", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        """Return what `status --json` prints, without the command's time to start."""
        shown: dict[str, Any] = json.loads((self.path / "state.json").read_text())
        return shown

    def pids(self) -> dict[str, int]:
        return {name: part["pid"] for name, part in self.status()["processes"].items()}

    def restarts(self, name: str) -> int:
        return int(self.status()["processes"][name]["restarts"])

    def kill_supervisor(self) -> None:
        pid = Home(self.path).owner_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: start_of(pid) is None)

    def supervisor_log(self) -> list[dict[str, Any]]:
        return self._log("supervisor")

    def warnings(self, name: str) -> list[dict[str, Any]]:
        """Return what a process found worth a warning, or worse."""
        return [line for line in self._log(name) if line["level"] not in ("debug", "info")]

    def _log(self, name: str) -> list[dict[str, Any]]:
        lines = (self.path / "logs" / f"{name}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def until(is_so: Callable[[], object], seconds: float = 30) -> None:
    """Wait, but not for ever."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def all_gone(pids: dict[str, int]) -> bool:
    return all(start_of(pid) is None for pid in pids.values())


async def post(client: httpx.AsyncClient, status: dict[str, Any], message: str) -> int:
    event = {"kind": "log", "level": "INFO", "message": message}
    answer = await client.post(
        status["ingest_url"],
        json={"batch_id": str(uuid4()), "events": [event]},
        headers={"Authorization": f"Bearer {status['ingest_key']}"},
    )
    return answer.status_code


def post_all(status: dict[str, Any], messages: list[str]) -> list[int]:
    """Post each message over a connection of its own, all at once."""

    async def work() -> list[int]:
        async with httpx.AsyncClient(
            timeout=60, limits=httpx.Limits(max_keepalive_connections=0)
        ) as client:
            return await asyncio.gather(*(post(client, status, text) for text in messages))

    return asyncio.run(work())


def read_messages(status: dict[str, Any]) -> list[str]:
    answer = httpx.get(
        f"{status['console_url']}/api/v1/logging/logs",
        params={"application": "demo", "limit": "1000"},
        headers={"Authorization": f"Bearer {status['api_token']}"},
    )
    assert answer.status_code == 200, answer.text
    return sorted(item["message"] for item in answer.json()["items"])


def shows(status: dict[str, Any], *messages: str) -> Callable[[], bool]:
    return lambda: set(messages) <= set(read_messages(status))
