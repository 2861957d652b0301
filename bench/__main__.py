"""`python -m bench [ROW ...]`: measure, print the table, keep it in `bench/results`.

Every figure is a median of interleaved rounds, or a ratio to a bound measured in the same run.
"""

import argparse
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
import uvloop

from bench import footprint, gateway, path, redaction, writer
from bench.figures import Figure, as_table

_RESULTS = Path(__file__).parent / "results"
_FRESHNESS_RATES = (1_000, 5_000)
_SHOWN_PACKAGES = ("aiokafka", "asyncpg", "msgspec", "uvicorn", "uvloop")

Measure = Callable[[Path, argparse.Namespace], Awaitable[list[Figure]]]


async def _redaction(_: Path, options: argparse.Namespace) -> list[Figure]:
    return redaction.measure(rounds=options.rounds)


async def _gateway(home: Path, options: argparse.Namespace) -> list[Figure]:
    return await gateway.measure(home, event_count=options.events, rounds=options.rounds)


async def _writer(home: Path, options: argparse.Namespace) -> list[Figure]:
    return await writer.measure(home, event_count=options.events // 2, rounds=options.rounds)


async def _path(home: Path, options: argparse.Namespace) -> list[Figure]:
    return await path.measure(
        home, event_count=options.events, rounds=options.rounds, eager_indexes=False
    )


async def _path_eager(home: Path, options: argparse.Namespace) -> list[Figure]:
    return await path.measure(
        home, event_count=options.events // 2, rounds=options.rounds, eager_indexes=True
    )


async def _freshness(home: Path, options: argparse.Namespace) -> list[Figure]:
    return await path.measure_freshness(home, _FRESHNESS_RATES, probes=20 * options.rounds)


async def _footprint(home: Path, options: argparse.Namespace) -> list[Figure]:
    return await footprint.measure(home, rounds=options.rounds)


ROWS: dict[str, Measure] = {
    "redaction": _redaction,
    "gateway": _gateway,
    "writer": _writer,
    "path": _path,
    "path-eager": _path_eager,
    "freshness": _freshness,
    "footprint": _footprint,
}


async def _measure(options: argparse.Namespace) -> list[Figure]:
    figures: list[Figure] = []
    for name in options.rows or ROWS:
        began = time.perf_counter()
        with _home() as home:
            measured = await ROWS[name](home, options)
        print(f"\n{name}, {time.perf_counter() - began:.0f} s\n")
        print(as_table(measured), flush=True)
        figures += measured
    return figures


@contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="headwater-bench-"))
    home.chmod(0o755)  # PostgreSQL refuses to run as root and needs a way in
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _machine() -> str:
    """Describe the machine without naming it."""
    packages = ", ".join(f"{name} {version(name)}" for name in _SHOWN_PACKAGES)
    return (
        f"{psutil.cpu_count()} cores ({_cpu_model()}), "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}; "
        f"Python {platform.python_version()}, {packages}"
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    """Measure the rows that were asked for, all of them without a word."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=200_000, help="events of a round")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="folder of the results")
    options = parser.parse_args()
    began = datetime.now(UTC)
    figures = uvloop.run(_measure(options))
    table = as_table(figures)
    report = (
        f"# Measured on {began:%Y-%m-%d}\n\n{_machine()}\n\n"
        f"Load, Kafka, PostgreSQL and the services share the machine. Medians of {options.rounds} "
        f"rounds after one that warms up, {options.events:,} events a round.\n\n{table}"
    )
    options.results.mkdir(parents=True, exist_ok=True)
    name = "-".join(options.rows) if options.rows else "all"
    (options.results / f"{name}.md").write_text(report, "utf-8")
    print(report)
    sys.exit(0)


if __name__ == "__main__":
    main()
