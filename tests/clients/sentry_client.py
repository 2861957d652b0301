"""Events through Sentry's own Python SDK, as an application would; told by argv.

Arguments: one JSON object with `dsn`, `name`, `count`, `interval_s`, `throws`.
"""

import json
import logging
import sys
import time

import sentry_sdk
from sentry_sdk import logger


def main() -> None:
    """Send, and leave flushing to the client's end."""
    options = json.loads(sys.argv[1])
    sentry_sdk.init(
        dsn=options["dsn"],
        release=options["name"],
        environment="production",
        traces_sample_rate=1.0,
        enable_logs=bool(options.get("throws")),
        shutdown_timeout=30,
        default_integrations=bool(options.get("throws")),
        auto_enabling_integrations=False,
    )
    if options.get("waits"):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
    for number in range(options["count"]):
        sentry_sdk.capture_message(f"{options['name']}-{number}")
        time.sleep(options.get("interval_s", 0))
    if options.get("throws"):
        sentry_sdk.set_tag("tenant", "acme")
        with sentry_sdk.start_transaction(op="http.server", name="GET /orders/{id}"):
            with sentry_sdk.start_span(op="db", name="SELECT * FROM orders WHERE id = 77"):
                time.sleep(0.6)
            time.sleep(0.5)
        logger.warning("logged {n}", n=3)
        _throw(options["name"])
    # what is lost is only known once all was tried: the client says it with its last flush
    sentry_sdk.flush(timeout=30)
    sentry_sdk.get_client().close(timeout=30)
    sys.stdout.write(json.dumps({"sent": options["count"]}))


def _throw(name: str) -> None:
    try:
        password = "hunter2"
        try:
            raise KeyError(len(password))
        except KeyError as error:
            raise RuntimeError(f"{name}-thrown") from error
    except RuntimeError:
        logging.getLogger("shop.cart").exception("cart broke")


main()
