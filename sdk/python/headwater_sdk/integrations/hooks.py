"""What nobody caught: in the main thread, in threads, in tasks of asyncio."""

import asyncio
import sys
import threading
from types import TracebackType
from typing import Any

from headwater_sdk.client import Client


def watch_uncaught(client: Client) -> None:
    """Capture what ends the main thread or another, until the client is closed."""
    before, before_in_threads = sys.excepthook, threading.excepthook

    def uncaught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, Exception):
            client.capture_exception(error, "CRITICAL", uncaught="main thread")
        before(kind, error, trace)

    def uncaught_in_thread(given: threading.ExceptHookArgs) -> None:
        if isinstance(given.exc_value, Exception):
            name = given.thread.name if given.thread is not None else "?"
            client.capture_exception(given.exc_value, uncaught="thread", thread=name)
        before_in_threads(given)

    def undo() -> None:
        # Where somebody wrapped ours it stays, and does nothing: the client is closed.
        if sys.excepthook is uncaught:
            sys.excepthook = before
        if threading.excepthook is uncaught_in_thread:
            threading.excepthook = before_in_threads

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
    client.add_undo(undo)


def watch_loop(client: Client, loop: asyncio.AbstractEventLoop) -> None:
    """Capture what a loop of asyncio reports: tasks and callbacks that failed unnoticed."""
    before = loop.get_exception_handler()

    def failed(running: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            client.capture_exception(error, uncaught="asyncio", note=context.get("message"))
        if before is not None:
            before(running, context)
        else:
            running.default_exception_handler(context)

    loop.set_exception_handler(failed)
