"""The plans of searches: each by its index, and no statement over all slices."""

import random

import asyncpg

from bench import stock
from bench.plans import Plan, all_plans
from libs.common.clock import SettableClock, SystemClock
from libs.common.db.migrate import apply_index_policy
from services.query.domain.windows import MOST_SLICES

_SLICE_COUNT = MOST_SLICES + 6
_INDEXES = {
    ("first page", "hot"): "pkey",
    ("first page", "sealed"): "pkey",
    ("level", "hot"): "level_created_at_id_idx",
    ("level", "sealed"): "level_created_at_id_idx",
    ("trace", "hot"): "trace_id_user_id_idx",
    ("trace", "sealed"): "trace_id",
    ("trace", "block"): "trace_id",
    ("user", "hot"): "trace_id_user_id_idx",
    ("user", "sealed"): "user_id_created_at",
    ("user", "block"): "user_id_created_at",
    ("path", "sealed"): "request_path",
    ("word", "sealed"): "message",
    ("word", "block"): "message",
    ("field", "sealed"): "extra_data",
    ("field", "block"): "extra_data",
}
"""By search and slices; what has no index there is looked through."""


async def _plans(database: str) -> dict[tuple[str, str], Plan]:
    """Return the plans by search and state, over sealed slices and a hot one of 30,000 rows."""
    await apply_index_policy(database, eager=False)
    now, source = SystemClock().now(), random.Random(1)
    parts = stock.spans(now, _SLICE_COUNT, 1_000 * (_SLICE_COUNT - 1), 30_000)
    connection = await asyncpg.connect(database)
    try:
        await stock.attach(connection, parts)
        for part in parts:
            await stock.store(connection, list(stock.make_rows(part, source)))
        assert await stock.seal(database, SettableClock(now)) == _SLICE_COUNT - 1
        await stock.summarise(connection)
        await connection.execute("ANALYZE app_logs")
        made = await all_plans(connection, now)
    finally:
        await connection.close()
    return {(plan.search, plan.state): plan for plan in made}


async def test_each_search_uses_its_index_and_none_sees_all_slices(database: str) -> None:
    plans = await _plans(database)
    for asked, index in _INDEXES.items():
        used = {node.partition("app_logs_")[2] for node in plans[asked].nodes}
        assert used == {index}, plans[asked]
    assert {state for _, state in plans} == {"hot", "sealed", "block"}
    for (search, state), plan in plans.items():
        assert 1 <= plan.slice_count < _SLICE_COUNT, plan
        assert plan.slice_count <= MOST_SLICES or state == "block", plan
        assert plan.is_kept == (state == "block"), (search, plan)
