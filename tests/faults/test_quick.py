"""The quickest rows of the fault matrix, on the servers that all tests share."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.faults.broken import rows as broken
from tests.faults.matrix import all_rows
from tests.faults.rows.postgres import terminate_backends
from tests.faults.rows.writer import FAILPOINTS, die_around_commit
from tests.faults.runner import Row, play_row
from tests.faults.scene import Scene
from tests.faults.servers import Servers
from tests.stack import Stack

SEED = 1
WARM_UP_S = 1.0


async def _leave(scene: Scene) -> None:
    await asyncio.sleep(4)
    scene.fault_ends()


SHORTER: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "3": _leave,
    "18": partial(die_around_commit, failpoints=FAILPOINTS),
    "26": partial(terminate_backends, seconds=6),
}


def quick_row(number: str) -> Row:
    """Return a row with a shorter play, and more patience: other tests may run beside it."""
    row = all_rows()[number]
    return replace(
        row,
        play=SHORTER.get(number, row.play),
        plan=replace(row.plan, warm_up_s=WARM_UP_S, events_per_second=300),
        limit=row.limit + timedelta(seconds=15),
    )


@pytest.fixture(scope="module")
def servers(stack: Stack, run_folder: Path, template_database: str) -> Servers:
    return Servers(
        bootstrap=stack.kafka_bootstrap,
        direct_bootstrap=stack.kafka_bootstrap,
        database_server_url=stack.database_server_url,
        folder=run_folder / "faults",
        template=[template_database],
    )


@pytest.mark.quick_fault
@pytest.mark.parametrize("number", ["1", "2", "3", "18", "26"])
async def test_nothing_is_lost_or_doubled(servers: Servers, number: str) -> None:
    result = await play_row(quick_row(number), servers, SEED)
    assert result.problems == []
    assert result.acked_count > 0


@pytest.mark.quick_fault
@pytest.mark.parametrize("row", broken.ROWS, ids=lambda row: row.number)
async def test_the_oracle_finds_a_broken_writer(servers: Servers, row: Row) -> None:
    result = await play_row(row, servers, SEED)
    assert broken.bites(result), result.problems
