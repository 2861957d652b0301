"""JSON lines on standard error: one object a line, with service, level, event and trace_id."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from libs.common.telemetry.trace import current_trace_id


def configure_logs(service: str, level: str) -> None:
    """Send our own and all libraries' logs as JSON lines to standard error. Call once, in main."""

    def add_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        trace_id = current_trace_id.get()
        if trace_id is not None:
            event["trace_id"] = trace_id
        return event

    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        add_context,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        # Without the frames' variables: they hold passwords, and events before their redaction.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # an unreachable broker makes aiokafka write hundreds of lines a minute
    logging.getLogger("aiokafka").addFilter(RepeatFilter())
    logging.getLogger("aiokafka").setLevel("WARNING")
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(NewGroupFilter())
    for chatty in ("httpx", "httpcore", "alembic", "asyncio"):
        logging.getLogger(chatty).setLevel("WARNING")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


class RepeatFilter(logging.Filter):
    """Lets a message template through at most ten times in ten seconds."""

    _PERIOD_S = 10.0
    _MOST = 10

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for a message that was repeated too often lately."""
        template = str(record.msg)
        since, count = self._seen.get(template, (record.created, 0))
        if record.created - since > self._PERIOD_S:
            since, count = record.created, 0
        if len(self._seen) > 1_000:
            self._seen.clear()
        self._seen[template] = (since, count + 1)
        return count < self._MOST


class NewGroupFilter(logging.Filter):
    """Takes for information what aiokafka says of a group whose coordinator is not there yet.

    Kafka makes it when the first consumer asks, which tries again until then. What is said later
    than a minute after the process began keeps its level: a coordinator was lost, or none comes.
    """

    _PERIOD_MS = 60_000
    _EXPECTED = ("Group Coordinator Request failed: ", "Marking the coordinator dead ")

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True, the record's level lowered where it tells of a beginning."""
        if record.relativeCreated < self._PERIOD_MS and record.msg.startswith(self._EXPECTED):
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True
