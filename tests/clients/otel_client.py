"""Logs through OpenTelemetry's own SDK and exporter, as an application would; told by argv.

Arguments: one JSON object with `endpoint`, `key`, `name`, `count`, `interval_s`, `pause_after`.
"""

import json
import logging
import sys
import time
import warnings

warnings.simplefilter("ignore")

from opentelemetry._logs import set_logger_provider  # noqa: E402 - after the filter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: E402
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler  # noqa: E402
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402


def main() -> None:
    """Log, and flush at the end."""
    options = json.loads(sys.argv[1])
    provider = LoggerProvider(
        resource=Resource({"service.name": "checkout", "service.version": options["name"]})
    )
    exporter = OTLPLogExporter(
        endpoint=options["endpoint"],
        headers={"authorization": f"Bearer {options['key']}"},
        timeout=60,
    )
    provider.add_log_record_processor(
        BatchLogRecordProcessor(exporter, schedule_delay_millis=300, export_timeout_millis=60_000)
    )
    set_logger_provider(provider)
    log = logging.getLogger("shop.cart")
    log.setLevel(logging.INFO)
    log.addHandler(LoggingHandler(logger_provider=provider))
    if options.get("waits"):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
    for number in range(options["count"]):
        log.warning("%s-%d", options["name"], number, extra={"password": "hunter2", "n": number})
        if number + 1 == options.get("pause_after"):
            provider.force_flush()
        time.sleep(options.get("interval_s", 0))
    if options.get("throws"):
        try:
            raise KeyError("no cart")
        except KeyError:
            log.exception("%s-thrown", options["name"])
    provider.shutdown()
    sys.stdout.write(json.dumps({"sent": options["count"]}))


main()
