"""Plays one row of the matrix: stage, load, fault, recovery, rest, verdict."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from tests.faults.database import read_database
from tests.faults.oracle import judge, judge_offsets
from tests.faults.scene import Scene, StagePlan
from tests.faults.servers import Servers

PATIENCE_S = 60.0
"""How much longer than its limit a row is watched, to say how late it was."""
REST_S = 90.0


@dataclass(frozen=True)
class Row:
    """A row of the fault matrix."""

    number: str
    component: str
    fault: str
    expected: str
    play: Callable[[Scene], Awaitable[None]]
    """Breaks and heals; the load runs meanwhile."""
    limit: timedelta = timedelta(seconds=30)
    """From the end of the fault until new events of every client are stored."""
    plan: StagePlan = field(default_factory=StagePlan)


@dataclass
class Result:
    """What came of one row."""

    number: str
    seed: int
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    sent_count: int = 0
    acked_count: int = 0
    stored_count: int = 0
    duplicate_count: int = 0
    unknown_count: int = 0
    sealed_count: int = 0
    """Slices that were sealed meanwhile, of all tables."""
    merged_count: int = 0
    """Slices that became part of a larger one."""
    troubles: dict[str, int] = field(default_factory=dict)
    ack_gap_s: float = 0.0
    store_gap_s: float = 0.0
    recovered_s: float | None = None
    limit_s: float = 0.0

    @property
    def has_passed(self) -> bool:
        """Say whether every law held."""
        return not self.problems


async def play_row(row: Row, servers: Servers, seed: int) -> Result:
    """Run one row and return the verdict; raises only what is wrong with the harness' stage."""
    began = time.monotonic()
    result = Result(row.number, seed, limit_s=row.limit.total_seconds())
    scene = Scene(servers, f"row{row.number}".replace("-", ""), seed, row.plan)
    try:
        await scene.open()
        await asyncio.sleep(row.plan.warm_up_s)
        await row.play(scene)
        await _recover(row, scene, result)
        await _come_to_rest(scene, result)
        await _ask_oracle(scene, result)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        result.problems.append(
            f"{type(error).__name__} at {frame.name}:{frame.lineno}: {str(error)[-1500:]}"
        )
    finally:
        await scene.close()
    result.problems[:0] = scene.problems
    result.notes = scene.notes
    result.seconds = time.monotonic() - began
    return result


async def _recover(row: Row, scene: Scene, result: Result) -> None:
    if not scene.fault_ended_at:
        scene.fault_ends()
    if scene.stands_still_at_end:
        return
    limit_s = row.limit.total_seconds()
    result.recovered_s = await scene.watch.wait_recovered(
        scene.fault_ended_at, scene.load.plan.client_count, limit_s + PATIENCE_S
    )
    if result.recovered_s is None:
        result.problems.append(f"not recovered {limit_s + PATIENCE_S:.0f} s after the fault")
    elif result.recovered_s > limit_s:
        result.problems.append(f"recovered after {result.recovered_s:.1f} s, limit {limit_s:.0f} s")


async def _come_to_rest(scene: Scene, result: Result) -> None:
    await asyncio.sleep(scene.plan.warm_up_s / 2)
    if not await scene.load.finish(REST_S):
        scene.problems.append("some batches never got a 2xx")
    if not scene.stands_still_at_end and await scene.watch.wait_lag_zero(REST_S) is None:
        scene.problems.append(f"lag did not become zero: {scene.watch.stored}")
    # The gateways' last flush makes both halves of the ledger's law binding.
    await scene.stop_gateways()
    if not scene.stands_still_at_end:
        ends = await scene.watch.wait_lag_zero(REST_S)
        if ends is None:
            scene.problems.append("lag did not become zero after the gateways ended")
        else:
            scene.problems += judge_offsets(scene.watch.stored, ends)
    await scene.stop_writers()
    state = scene.load.state
    result.sent_count = scene.journal.sent_count
    result.acked_count = scene.journal.acked_count
    result.troubles = dict(state.troubles)
    result.sealed_count, result.merged_count = scene.count_slices_done()
    result.ack_gap_s = scene.watch.ack_gap_s
    result.store_gap_s = scene.watch.store_gap_s
    scene.problems += sorted(set(state.violations))[:5]


async def _ask_oracle(scene: Scene, result: Result) -> None:
    database = await read_database(scene.url, scene.key_id)
    result.stored_count = len(database.rows)
    result.duplicate_count = database.ledger.duplicate
    result.unknown_count = database.ledger.unknown
    scene.problems += judge(scene.journal.read(), database, scene.allowance)
    if scene.load.state.resent_count and not database.ledger.duplicate:
        scene.problems.append("batches were sent twice, but the writer saw no duplicate")
