"""What `up` tells while it works: steps that begin, end and fail.

The supervisor may run in the background while another process shows its progress, so that what
is told are small messages that travel over a pipe as lines of JSON.
"""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import IO, Literal, Protocol

from rich.console import Console
from rich.status import Status

Kind = Literal["begin", "end", "fail", "cancel", "say", "ready"]


@dataclass(frozen=True)
class Message:
    """One thing to tell."""

    kind: Kind
    step: str
    text: str = ""
    seconds: float = 0.0


class Listener(Protocol):
    """Whoever shows or hands on messages."""

    def __call__(self, message: Message) -> None:
        """Take a message; never raises, never waits long."""
        ...


class Progress:
    """Tells a listener how far the start is."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    @contextmanager
    def step(self, name: str, text: str = "") -> Iterator[None]:
        """Tell that a step begins, and that it ended or failed, with the time it took."""
        self._listener(Message("begin", name, text))
        began = time.monotonic()
        try:
            yield
        except asyncio.CancelledError:
            self._listener(Message("cancel", name, text, time.monotonic() - began))
            raise
        except BaseException:
            self._listener(Message("fail", name, text, time.monotonic() - began))
            raise
        self._listener(Message("end", name, text, time.monotonic() - began))

    def say(self, text: str) -> None:
        """Tell something that is no step."""
        self._listener(Message("say", "", text))

    def ready(self, text: str) -> None:
        """Tell that everything runs, with what the user needs to know."""
        self._listener(Message("ready", "", text))


class PlainListener:
    """One line a step, for logs and CI."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def __call__(self, message: Message) -> None:
        """Print ends, failures and texts."""
        line = line_of(message)
        if line is not None:
            with suppress(OSError):  # The reader of our output may be gone.
                print(line, file=self._out, flush=True)


class RichListener:
    """One line a step, and a spinner with the steps that are under way."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._under_way: dict[str, str] = {}
        self._status = Status("", console=console, spinner="dots")

    def __call__(self, message: Message) -> None:
        """Show the message."""
        if message.kind == "begin":
            self._under_way[message.step] = message.text
        else:
            self._under_way.pop(message.step, None)
        line = line_of(message)
        if line is not None:
            style = {"end": "green", "fail": "bold red"}.get(message.kind, "")
            self._console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)
        if self._under_way:
            self._status.update(" · ".join(text or step for step, text in self._under_way.items()))
            self._status.start()
        else:
            self._status.stop()


class PipeListener:
    """Hands messages to another process that shows them, as long as it is there."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_blocking(fd, False)

    def __call__(self, message: Message) -> None:
        """Write one line of JSON."""
        with suppress(OSError):
            os.write(self._fd, json.dumps(asdict(message)).encode() + b"\n")


def parse_message(line: str) -> Message:
    """Return the message of a line that a `PipeListener` wrote."""
    return Message(**json.loads(line))


def line_of(message: Message) -> str | None:
    """Return how a message reads on a terminal; None for one that has no line of its own."""
    match message.kind:
        case "end":
            return f"  ok    {message.step:<12} {message.text:<58} {message.seconds:5.1f} s"
        case "fail":
            return f"  FAIL  {message.step:<12} {message.text:<58} {message.seconds:5.1f} s"
        case "say" | "ready":
            return message.text
        case "begin" | "cancel":
            return None
