"""An application that logs with the Python SDK: `python -m tests.e2e.sdk_host MODE SETTINGS`."""

import json
import logging
import os
import sys
import time
from datetime import timedelta
from typing import Any

import headwater_sdk

PATIENCE_S = 30.0


def main() -> None:
    """Do what the mode says; what the SDK counted goes to standard output."""
    mode, settings = sys.argv[1], json.loads(sys.argv[2])
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
            for number in range(count):
                log.info("message %d", number)
                time.sleep(0.01)
            wait_until(client, lambda now: now["sent"] == count)
        case "crash":
            for number in range(count):
                log.log(logging.ERROR if number % 10 == 9 else logging.INFO, "message %d", number)
            wait_until(client, lambda now: now["stored"] == count)
            time.sleep(PATIENCE_S)  # somebody kills it
        case "recover":
            wait_until(client, lambda now: now["recovered"] == count)
        case "fork":
            for number in range(count):
                log.info("message %d", number)
            child = os.fork()
            who = "parent" if child else "child"
            for number in range(count):
                log.info("%s %d", who, number)
            if child:
                os.waitpid(child, 0)
        case "exit":
            for number in range(count):
                log.info("message %d", number)


def wait_until(client: headwater_sdk.Client, is_done: Any) -> None:
    """Return once the counts say so, and print them."""
    until = time.monotonic() + PATIENCE_S
    while not is_done(now := client.stats()) and time.monotonic() < until:
        time.sleep(0.02)
    print(json.dumps(now), flush=True)  # noqa: T201 - for the test that started it


if __name__ == "__main__":
    main()
