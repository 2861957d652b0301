"""Starts other vendors' clients, unchanged, as processes of their own."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from tests.chromium import ROOT, find_chromium

CLIENTS = ROOT / "tests" / "clients"
CLIENT_SECONDS = 100


@dataclass(frozen=True)
class Vendor:
    """One client: what runs it, and how it is told where to send."""

    name: str
    command: tuple[str, ...]
    is_sentry: bool = True
    is_browser: bool = False


OTEL = Vendor("otel", (sys.executable, str(CLIENTS / "otel_client.py")), is_sentry=False)
SENTRY_PYTHON = Vendor("sentry-python", (sys.executable, str(CLIENTS / "sentry_client.py")))
SENTRY_NODE = Vendor("sentry-node", ("node", str(CLIENTS / "node_client.mjs")))
SENTRY_BROWSER = Vendor(
    "sentry-browser", ("node", str(CLIENTS / "browser_client.mjs")), is_browser=True
)
VENDORS = (OTEL, SENTRY_PYTHON, SENTRY_NODE, SENTRY_BROWSER)
SENTRY_VENDORS = (SENTRY_PYTHON, SENTRY_NODE, SENTRY_BROWSER)


class VendorRun:
    """One client at work."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def wait_ready(self) -> None:
        """Wait until the client has begun and sends nothing yet; it has to be told to wait."""
        assert self._process.stdout is not None
        async with asyncio.timeout(CLIENT_SECONDS):
            line = await self._process.stdout.readline()
        assert line == b"ready\n", line

    async def end(self) -> dict[str, Any]:
        """Let the client send all and end by itself; return what it printed."""
        async with asyncio.timeout(CLIENT_SECONDS):
            out, error = await self._process.communicate(b"go\n")
        assert self._process.returncode == 0, error.decode()[-3_000:]
        printed: dict[str, Any] = json.loads(out)
        return printed


async def start_vendor(vendor: Vendor, base_url: str, key: str, **options: Any) -> VendorRun:
    """Start a client that sends to a gateway."""
    scheme, _, host = base_url.rstrip("/").partition("://")
    where = (
        {"dsn": f"{scheme}://{key}@{host}/1"}
        if vendor.is_sentry
        else {"endpoint": f"{scheme}://{host}/v1/logs", "key": key}
    )
    told = json.dumps({"name": vendor.name, **where, **options})
    process = await asyncio.create_subprocess_exec(
        *vendor.command,
        told,
        cwd=CLIENTS,
        env={**os.environ, "CHROMIUM": find_chromium() or ""},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return VendorRun(process)
