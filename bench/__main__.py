"""`python -m bench [ROW ...]`: measure, print the table, keep it in `bench/results`.

Every figure is a median of interleaved rounds, or a ratio to a bound measured in the same run.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import uvloop

from bench import (
    browser_sdk,
    export,
    footprint,
    freshness,
    gateway,
    path,
    planning,
    plans,
    python_sdk,
    queries,
    redaction,
    sealing,
    tail,
    writer,
)
from bench.figures import Figure, as_table
from bench.report import Result, compose, describe_machine, keep

_RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    rounds: int
    event_count: int
    """Events of a round; rows that cost more take a share of it."""
    results: Path
    """Where a row keeps what is more than figures."""

    def __str__(self) -> str:
        return f"{self.rounds} rounds after one that warms up, up to {self.event_count:,} events"


Measure = Callable[[Path, Effort], Coroutine[None, None, list[Figure]]]


async def _redaction(_: Path, effort: Effort) -> list[Figure]:
    return redaction.measure(rounds=effort.rounds)


async def _python_sdk(_: Path, effort: Effort) -> list[Figure]:
    return await asyncio.to_thread(python_sdk.measure, rounds=effort.rounds)


async def _gateway(home: Path, effort: Effort) -> list[Figure]:
    return await gateway.measure(home, event_count=effort.event_count, rounds=effort.rounds)


async def _writer(home: Path, effort: Effort) -> list[Figure]:
    return await writer.measure(home, event_count=effort.event_count * 3 // 4, rounds=effort.rounds)


async def _path(home: Path, effort: Effort) -> list[Figure]:
    return await path.measure(
        home, event_count=effort.event_count, rounds=effort.rounds, eager_indexes=False
    )


async def _path_eager(home: Path, effort: Effort) -> list[Figure]:
    return await path.measure(
        home, event_count=effort.event_count // 2, rounds=effort.rounds, eager_indexes=True
    )


async def _freshness(home: Path, effort: Effort) -> list[Figure]:
    return await freshness.measure(home, probe_count=20 * effort.rounds)


async def _footprint(home: Path, effort: Effort) -> list[Figure]:
    return await footprint.measure(home, rounds=effort.rounds)


async def _sealing(home: Path, effort: Effort) -> list[Figure]:
    return await sealing.measure(home, row_count=5 * effort.event_count)


async def _queries(home: Path, effort: Effort) -> list[Figure]:
    return await queries.measure(home, row_count=5 * effort.event_count)


async def _browser(_: Path, __: Effort) -> list[Figure]:
    return await browser_sdk.measure()


async def _queries_10m(home: Path, effort: Effort) -> list[Figure]:
    figures = await queries.measure(home, row_count=50 * effort.event_count)
    return queries.beside(figures, effort.results / "queries.json")


async def _planning(home: Path, _: Effort) -> list[Figure]:
    return await planning.measure(home)


async def _plans(home: Path, effort: Effort) -> list[Figure]:
    return await plans.measure(home, effort.results)


async def _export(home: Path, effort: Effort) -> list[Figure]:
    return await export.measure(home, row_count=25 * effort.event_count)


async def _tail(home: Path, effort: Effort) -> list[Figure]:
    return await tail.measure(home, event_count=effort.event_count, rounds=effort.rounds)


ROWS: dict[str, Measure] = {
    "redaction": _redaction,
    "gateway": _gateway,
    "writer": _writer,
    "path": _path,
    "path-eager": _path_eager,
    "freshness": _freshness,
    "footprint": _footprint,
    "sealing": _sealing,
    "queries": _queries,
    "queries-10m": _queries_10m,
    "planning": _planning,
    "plans": _plans,
    "export": _export,
    "tail": _tail,
    "browser": _browser,
    "python-sdk": _python_sdk,
}


def _measure(name: str, effort: Effort, results: Path) -> bool:
    """Measure a row and keep it; tell whether it came to an end."""
    began, today = time.perf_counter(), f"{datetime.now(UTC):%Y-%m-%d}"
    busy = f"load average of the machine before {psutil.getloadavg()[0]:.1f}"
    try:
        with _home() as home:
            figures = uvloop.run(ROWS[name](home, effort))
    except Exception:  # the other rows are worth having all the same
        traceback.print_exc()
        return False
    print(f"\n{name}, {time.perf_counter() - began:.0f} s\n\n{as_table(figures)}", flush=True)
    keep(results, Result(name, today, describe_machine(), f"{effort}; {busy}", figures))
    return True


@contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="headwater-bench-"))
    home.chmod(0o755)  # PostgreSQL refuses to run as root and needs a way in
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Measure the rows that were asked for, all of them without a word."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=200_000, help="events of a round")
    parser.add_argument("--quick", action="store_true", help="one round of few events, not kept")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="folder of the results")
    options = parser.parse_args()
    # a bench that is ended stops its servers, as on Ctrl-C, also behind a shell that ignores that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with tempfile.TemporaryDirectory() as passing:
        results = Path(passing) if options.quick else options.results
        rounds, events = (1, 40_000) if options.quick else (options.rounds, options.events)
        effort = Effort(rounds, events, results)
        done = [_measure(name, effort, results) for name in options.rows or ROWS]
        print(compose(results, list(ROWS)))
    sys.exit(0 if all(done) else 1)


if __name__ == "__main__":
    main()
