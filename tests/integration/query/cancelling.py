"""Cancels a piece of work at each place where it waits, one after another."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any


class CancelledAt:
    """Awaits something; its task is cancelled when that waits for the n-th time, and once more.

    Counted are the waits of the task itself: each is another place in the work, whatever the
    machine's speed.
    """

    def __init__(self, work: Awaitable[None], place: int, count: int) -> None:
        self._work = work
        self._places = range(place, place + count)
        self.was_reached = False

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._work.__await__()
        waits = 0
        thrown: BaseException | None = None
        while True:
            try:
                awaited = steps.throw(thrown) if thrown is not None else next(steps)
            except StopIteration:
                return
            if waits in self._places:
                self.was_reached = True
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            waits += 1
            thrown = None
            try:
                yield awaited
            except BaseException as error:
                thrown = error


async def cancel_everywhere(
    begin: Callable[[], Awaitable[None]], count: int, check: Callable[[], Awaitable[None]]
) -> int:
    """Begin the work again and again, cancelled one place later each time, until it comes through.

    `check` runs after each. `count` is how many waits in a row are cancelled. Returns the number of
    places.
    """
    place = 0
    while True:
        cancelled = CancelledAt(begin(), place, count)
        await asyncio.gather(asyncio.ensure_future(cancelled), return_exceptions=True)
        await check()
        if not cancelled.was_reached:
            return place
        place += 1
