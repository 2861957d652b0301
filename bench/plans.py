"""The plans of searches: which index serves which search, on hot and on sealed slices."""

import json
import random
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import asyncpg

from bench import stock
from bench.figures import Figure
from bench.house import open_house
from libs.common.clock import SettableClock, SystemClock
from services.query.api.logs import search_of
from services.query.domain.log_filters import parse_log_query
from services.query.domain.pages import PageAsk
from services.query.domain.scope import EVERYTHING
from services.query.domain.windows import BLOCK_SLICES, MOST_SLICES, Window, Windows
from services.query.store.keyset import KeysetStatements, Reading, page_bounds
from services.query.store.kinds import LOGS
from services.query.store.slices import attached_slices
from services.query.store.statements import Planning, Reader
from services.writer.domain.slicing import TARGET_ROW_COUNT

SEARCHES = {
    "first page": "",
    "level": "level=ERROR",
    "trace": "trace_id=0123456789abcdef0123456789abcdef",
    "user": "user_id=u-00042",
    "module": "module=api.part7",
    "path": "request_path=/api/v1/never",
    "word": f"text={stock.RARE_WORD}",
    "field": "extra.order=rare",
}
"""By name, their parameters."""
_SLICE_COUNT = 2 * BLOCK_SLICES
_LIMIT = 101
_REPEATS = 9
_SLICE = re.compile(r"_\d{8}(t\d{6})?")


@dataclass(frozen=True)
class Sent:
    """A statement of a search, and what it is sent to."""

    search: str
    state: str
    """`hot`, `sealed`, or `block`: sealed slices whose plan is kept."""
    planning: Planning
    reading: Reading


@dataclass(frozen=True)
class Plan:
    """How one statement is run."""

    search: str
    state: str
    slice_count: int
    nodes: tuple[str, ...]
    """Each kind of scan with its index, without the slice's name."""
    planning_ms: float
    is_kept: bool
    """Whether the statement was not planned again when it was asked again."""


async def measure(home: Path, results: Path) -> list[Figure]:
    """Fill and seal slices, and write `plans.md` into the results."""
    async with open_house(home) as house:
        now, source = SystemClock().now(), random.Random(6)
        parts = stock.spans(now, _SLICE_COUNT, 2_000 * _SLICE_COUNT, TARGET_ROW_COUNT)
        connection = await house.connect()
        try:
            await stock.attach(connection, parts)
            for part in parts:
                await stock.store(connection, list(stock.make_rows(part, source)))
            await stock.seal(house.database_url, SettableClock(now))
            await stock.summarise(connection)
            await connection.execute("ANALYZE app_logs")
            plans = await all_plans(connection, now)
        finally:
            await connection.close()
    (results / "plans.md").write_text(as_page(plans), "utf-8")
    widest = max(plan.slice_count for plan in plans)
    return [
        Figure(
            "plans",
            "slices that a statement sees, at the most",
            widest,
            "slices",
            BLOCK_SLICES,
            more_is_better=False,
            note=f"of {len(parts)} attached; {len(plans)} plans in plans.md",
        )
    ]


def as_page(plans: Sequence[Plan]) -> str:
    """Return the plans as a Markdown page."""
    lines = [
        "# Plans of searches",
        "",
        "Written by `python -m bench plans`: what `GET /logs` sends, and how PostgreSQL runs it.",
        f"Statements on hot and on sealed slices see up to {MOST_SLICES} and are planned anew;",
        f"those on a block of up to {BLOCK_SLICES} sealed ones are planned once.",
        "",
        "| search | slices | seen | scans | planning |",
        "|---|---|---:|---|---:|",
    ]
    lines += [
        f"| {plan.search} | {plan.state} | {plan.slice_count} | {'; '.join(plan.nodes)} | "
        f"{plan.planning_ms:.1f} ms |"
        for plan in plans
    ]
    return "\n".join(lines) + "\n"


async def all_plans(connection: asyncpg.Connection, now: datetime) -> list[Plan]:
    """Return the plans of all searches."""
    return [await explain(connection, one) for one in await sent_statements(connection, now)]


async def sent_statements(connection: asyncpg.Connection, now: datetime) -> list[Sent]:
    """Return what searches send on hot slices, on sealed ones, and on a block of these."""
    slices = await attached_slices(Reader(connection), LOGS.table_name)
    border = max((part.upper for part in slices if part.is_sealed), default=now)
    made = []
    for name, parameters in SEARCHES.items():
        filters = parse_log_query(parse_qsl(parameters)).filters
        statements = KeysetStatements(LOGS, search_of(filters).condition, EVERYTHING, "older")
        for state in ("hot", "sealed", "block"):
            bounds = page_bounds(None, None if state == "hot" else border, PageAsk(_LIMIT))
            windows = Windows(slices, bounds, now, newest_first=True, first_count=MOST_SLICES)
            windows.is_rare = state == "block"
            fitting = (one for one in windows if state_of(one) == state)
            window = next(fitting, None)
            if window is None or (state == "block" and not statements.is_selective):
                continue
            is_fenced = statements.is_fenced(window)
            reading = statements.reading(window, None, _LIMIT, is_fenced=is_fenced)
            made.append(Sent(name, state, statements.planning(window), reading))
    return made


def state_of(window: Window) -> str:
    """Return which slices a window has, as the page calls them."""
    if window.block is not None:
        return "block"
    return "sealed" if window.is_sealed else "hot"


async def explain(connection: asyncpg.Connection, sent: Sent) -> Plan:
    """Let PostgreSQL plan a statement as a search would; the first time, what it reads is cold."""
    values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in sent.reading.values)
    # as sessions of the query service begin
    await connection.execute("SET plan_cache_mode = force_custom_plan")
    if sent.planning is not Planning.EACH:
        await connection.execute(sent.planning.value)
    await connection.execute(f"PREPARE sent AS {sent.reading.text}")
    asked = f"EXPLAIN (FORMAT JSON, SUMMARY) EXECUTE sent({values})"
    try:
        answers = [json.loads(await connection.fetchval(asked))[0] for _ in range(1 + _REPEATS)]
        kept = await connection.fetchval(
            "SELECT generic_plans FROM pg_prepared_statements WHERE name = 'sent'"
        )
    finally:
        await connection.execute(f"DEALLOCATE sent; {Planning.EACH.value}")
    scans = list(_scans(answers[-1]["Plan"]))
    return Plan(
        sent.search,
        sent.state,
        len({slice_name for slice_name, _ in scans if slice_name}),
        tuple(sorted({node for _, node in scans})),
        statistics.median(answer["Planning Time"] for answer in answers[1:]),
        kept > 0,
    )


def _scans(node: dict[str, Any], slice_name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the slice and the kind of each scan below a node."""
    slice_name = node.get("Relation Name", slice_name)
    index = node.get("Index Name")
    kind: str = node["Node Type"]
    if index is not None:
        yield slice_name, f"{kind}: {_SLICE.sub('', index)}"
    elif "Relation Name" in node and kind != "Bitmap Heap Scan":
        yield slice_name, kind
    for below in node.get("Plans", ()):
        yield from _scans(below, slice_name)
