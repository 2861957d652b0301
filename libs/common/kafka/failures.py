"""Tries to store that fail: how long to wait for the next, and when to stop trying.

What is away comes back, however long it takes. What fails each time though nothing is away is a
fault of ours: it has to be seen, and not only in a line of the log.
"""

import math
from datetime import timedelta

from libs.common.db.engine import DATABASE_ERRORS
from libs.common.kafka.reader import LogUnavailable
from libs.common.telemetry.logs import get_logger

log = get_logger(__name__)

_OUTAGES = (*DATABASE_ERRORS, LogUnavailable)


class Overtaken(Exception):
    """What was known of the places to store in is no longer so; the next try reads it anew."""


class Stalled(Exception):
    """There are records and none is stored, with nothing away: only a new process may help."""


class Failures:
    """The tries that failed since one did not."""

    def __init__(self, first_delay: timedelta, most_delay: timedelta, stall: timedelta) -> None:
        self._first_delay = first_delay
        self._most_delay = most_delay
        self._stall = stall
        self._count = 0
        self._since = self._latest = -math.inf
        """The first and the latest for which nothing that is away is to blame."""

    def end(self) -> None:
        """Take note that a try succeeded."""
        self._count = 0
        self._latest = -math.inf

    def add(self, error: Exception, now: float) -> timedelta:
        """Log a failure at a monotonic second `now`; return how long to wait for the next try.

        Raises Stalled where tries have failed for as long as a stall though nothing is away.
        """
        delay: timedelta = min(self._most_delay, self._first_delay * 2 ** min(self._count, 10))
        self._count += 1
        told = {"error": repr(error), "delay_s": delay.total_seconds()}
        is_away = is_outage(error)
        if is_away or isinstance(error, Overtaken):
            log.warning("not stored, trying again", **told)
        else:
            log.error("not stored for a fault of ours, trying again", **told, exc_info=error)
        if is_away:
            self._latest = -math.inf
            return delay
        stall_s = self._stall.total_seconds()
        # tries that found nothing to store, and so could not fail, may lie between two
        if now - self._latest > stall_s / 2:
            self._since = now
        self._latest = now
        if now - self._since > stall_s:
            raise Stalled(f"each try has failed for {self._stall}") from error
        return delay


def is_outage(error: Exception) -> bool:
    """Tell whether PostgreSQL or Kafka is away."""
    return isinstance(error, _OUTAGES)
