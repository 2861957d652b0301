"""Sends a service's own warnings to the gateway, where they can be searched like any other's.

Off unless an address and a key are set, and never for the gateway itself: its lines about a batch
of its own lines would be the next batch. What follows keeps the others from feeding themselves.

- Only WARNING and above, at most `BURST` at once and one in `REFILL` after that: a pipeline that
  fails over its own events gets a few of them a minute, whatever goes wrong.
- Nothing is kept over an outage of the gateway but what fits in a small queue; the lines on
  standard error are the record, this is a copy.
- The client passes over what its own threads log: a refusal is told on standard error only.
"""

import logging
from datetime import timedelta

from headwater_sdk import HeadwaterHandler, Problem, init
from libs.common.settings import SelfLogsSettings
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.trace import current_trace_id

BURST = 20
REFILL = timedelta(seconds=10)
_QUEUE_COUNT = 500


def send_own_logs(service: str, settings: SelfLogsSettings) -> None:
    """Begin to send, where it is set up. Call once, in main, after `configure_logs`.

    Sends the last lines at the end of the process, and gives up on them after half a second.
    """
    if settings.url is None or settings.key is None:
        return
    client = init(
        settings.url,
        settings.key.get_secret_value(),
        logs=None,
        uncaught=False,
        context={"service": service},
        queue_count=_QUEUE_COUNT,
        exit_within=timedelta(seconds=0.5),
        on_error=_tell,
    )
    handler = HeadwaterHandler(client, logging.WARNING)
    handler.addFilter(OwnLogFilter())
    logging.getLogger().addHandler(handler)


def _tell(problem: Problem) -> None:
    get_logger(__name__).warning(
        "own logs are not taken", reason=problem.reason, status=problem.status
    )


class OwnLogFilter(logging.Filter):
    """Lets a burst of records through and then one now and again; adds the trace id."""

    def __init__(self) -> None:
        super().__init__()
        self._room = float(BURST)
        self._last = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for a record for which there is no room."""
        passed_s = max(0.0, record.created - self._last)
        self._last = record.created
        self._room = min(float(BURST), self._room + passed_s / REFILL.total_seconds())
        if self._room < 1:
            return False
        self._room -= 1
        trace_id = current_trace_id.get()
        if trace_id is not None:
            record.trace_id = trace_id
        return True
