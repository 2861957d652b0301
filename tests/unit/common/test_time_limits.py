"""Time limits: what takes too long ends, what is in time is left alone."""

import asyncio
from datetime import timedelta

import pytest

from libs.common.time_limits import TimeLimit

SHORT = timedelta(milliseconds=20)
LONG = timedelta(seconds=20)


async def test_what_is_in_time_goes_through() -> None:
    limit = TimeLimit(LONG)
    for _ in range(3):
        with limit.watch():
            await asyncio.sleep(0)
    await asyncio.sleep(0.12)
    with limit.watch():
        await asyncio.sleep(0.01)


async def test_what_takes_too_long_ends() -> None:
    limit = TimeLimit(SHORT)
    with pytest.raises(TimeoutError), limit.watch():
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # the task lives on


async def test_only_the_slow_ones_end() -> None:
    limit = TimeLimit(SHORT)

    async def work(slow: bool) -> str:
        try:
            with limit.watch():
                await asyncio.sleep(20 if slow else 0)
        except TimeoutError:
            return "ended"
        return "done"

    slow = [n % 3 == 0 for n in range(30)]
    results = await asyncio.gather(*map(work, slow))
    assert results == ["ended" if one else "done" for one in slow]


async def test_a_cancellation_from_outside_stays_one() -> None:
    limit = TimeLimit(LONG)

    async def work() -> None:
        with limit.watch():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_inside_goes_through_as_it_is() -> None:
    limit = TimeLimit(LONG)
    with pytest.raises(KeyError), limit.watch():
        raise KeyError("x")


def test_one_limit_serves_one_loop_after_another() -> None:
    limit = TimeLimit(SHORT)

    async def work() -> None:
        with pytest.raises(TimeoutError), limit.watch():
            await asyncio.Event().wait()

    asyncio.run(work())
    asyncio.run(work())
