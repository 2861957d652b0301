"""A handler of the standard library's `logging`."""

import logging

from headwater_sdk.client import Client
from headwater_sdk.guard import guard
from headwater_sdk.record.contents import level_number, read_record
from headwater_sdk.record.database import holds_rows
from headwater_sdk.work import current_work


class HeadwaterHandler(logging.Handler):
    """Makes an event of each record; the thread that logs only reads it and goes on."""

    def __init__(self, client: Client, level: int | str = logging.NOTSET) -> None:
        super().__init__(level_number(level))
        self._client = client

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record that passes the filters; without the handler's lock: nothing needs it."""
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; never raises."""
        client = self._client
        if guard.depth or not client.is_open or holds_rows(record.name, record.msg):
            return
        guard.depth = 1
        try:
            client.capture(read_record(record, current_work.get()), record.created)
        except Exception:  # ours to blame, and counted
            client.lose()
        finally:
            guard.depth = 0


def attach_handler(client: Client, level: int | str) -> None:
    """Put a handler on the root logger, until the client is closed.

    Without any handler of its own the application had its warnings printed by the last resort of
    `logging`, which ends with the first handler: it stays.
    """
    root = logging.getLogger()
    added: list[logging.Handler] = [HeadwaterHandler(client, level)]
    if not root.handlers and logging.lastResort is not None:
        added.append(logging.lastResort)
    for handler in added:
        root.addHandler(handler)

    def undo() -> None:
        for handler in added:
            root.removeHandler(handler)

    client.add_undo(undo)
