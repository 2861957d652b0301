"""An application that logs with the Python SDK: `python -m tests.e2e.sdk_host MODE SETTINGS`."""

import json
import logging
import multiprocessing
import os
import sys
import time
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

import headwater_sdk
from libs.common.settings import SelfLogsSettings
from libs.common.telemetry.logs import configure_logs, get_logger
from libs.common.telemetry.self_logs import send_own_logs
from libs.common.telemetry.trace import current_trace_id

PATIENCE_S = 30.0


def main() -> None:
    """Do what the mode says; what the SDK counted goes to standard output."""
    mode, settings = sys.argv[1], json.loads(sys.argv[2])
    if mode == "service":
        run_service(settings)
        return
    client = headwater_sdk.init(
        settings["url"],
        settings["key"],
        release=settings["release"],
        spool=settings.get("spool"),
        flush_after=timedelta(seconds=0.1),
        answer_within=timedelta(seconds=1),
    )
    logging.getLogger().setLevel("INFO")
    log = logging.getLogger("host")
    count = settings["count"]
    match mode:
        case "steady":
            say(log, "message", count, pause_s=0.01)
            wait_until(client, lambda now: now["sent"] == count)
        case "crash":
            for number in range(count):
                log.log(logging.ERROR if number % 10 == 9 else logging.INFO, "message %d", number)
            wait_until(client, lambda now: now["stored"] == count)
            time.sleep(PATIENCE_S)  # somebody kills it
        case "recover":
            wait_until(client, lambda now: now["recovered"] == count)
        case "fork":
            say(log, "message", count)
            child = os.fork()
            say(log, "parent" if child else "child", count)
            if child:
                os.waitpid(child, 0)
                worker = multiprocessing.get_context("fork").Process(
                    target=say, args=(log, "worker", count)
                )
                worker.start()
                worker.join()
        case "exit":
            say(log, "message", count)


def say(log: logging.Logger, name: str, count: int, pause_s: float = 0.0) -> None:
    """Log numbered messages."""
    for number in range(count):
        log.info("%s %d", name, number)
        time.sleep(pause_s)


def run_service(settings: dict[str, Any]) -> None:
    """Log as our own services do: lines on standard error, copies of warnings to the gateway."""
    configure_logs("writer", "INFO")
    key = SecretStr(settings["key"])
    send_own_logs("writer", SelfLogsSettings(url=settings["url"], key=key))
    log = get_logger("services.writer")
    current_trace_id.set(settings["release"])
    log.info("no copy of this")
    for number in range(settings["count"]):
        log.warning(f"message {number}", password="x")


def wait_until(client: headwater_sdk.Client, is_done: Any) -> None:
    """Return once the counts say so, and print them."""
    until = time.monotonic() + PATIENCE_S
    while not is_done(now := client.stats()) and time.monotonic() < until:
        time.sleep(0.02)
    print(json.dumps(now), flush=True)  # noqa: T201 - for the test that started it


if __name__ == "__main__":
    main()
