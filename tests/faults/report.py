"""The recorded table of a run: Markdown for people, JSON for programs."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.runner import Result, Row


@dataclass(frozen=True)
class Played:
    """A row and what came of it."""

    row: Row
    result: Result
    passed: bool


HEAD = """\
# Fault matrix: what was broken, and what came of it

Written by `python -m tests.faults` (`make faults`); what the rows mean is in
`docs/operations/faults.md`. {summary}

{machine}

Every row has a database, a topic of twelve partitions and processes of its own (two gateways, two
writers) on one shared cluster of three brokers and one PostgreSQL, under about 600 events/s in
batches of twenty; 2 % of the acknowledged batches are sent again on purpose. *Recovered*: from the
end of the fault until new batches of every client are stored and no partition is behind. *Gaps*:
longest time without an acknowledgement, and without anything stored. *Doubles dropped*: events of
repeated batches that the writer recognised. *Unknown*: events answered 503 after a send. *Sealed*:
slices of five seconds that were given their indexes meanwhile, a second after their end; *merged*:
those that were then made part of larger ones.

| # | Seed | Fault | Verdict | Recovered / limit | Ack gap | Store gap | Acked | Stored rows | \
Doubles dropped | Unknown | Sealed / merged |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""


def write_report(played: Sequence[Played], stand_ins: Sequence[str], path: Path) -> None:
    """Write the Markdown file, and a JSON file of the same name beside it."""
    passed = sum(one.passed for one in played)
    summary = f"{passed} of {len(played)} as they should be."
    text = HEAD.format(summary=summary, machine=_machine())
    text += "".join(_line(one) for one in played)
    text += "\n## Stand-ins\n\n" + "".join(f"- {line}\n" for line in stand_ins)
    text += "\n## What the rows noted\n\n" + "".join(_notes(one) for one in played)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    document = [
        {
            "component": one.row.component,
            "fault": one.row.fault,
            "expected": one.row.expected,
            "passed": one.passed,
            **asdict(one.result),
        }
        for one in played
    ]
    path.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")


def _line(one: Played) -> str:
    row, result = one.row, one.result
    recovered = "-" if result.recovered_s is None else f"{result.recovered_s:.1f}"
    cells = (
        row.number,
        str(result.seed),
        f"{row.component}: {row.fault}",
        "as it should be" if one.passed else "**FAILED**",
        f"{recovered} / {result.limit_s:.0f} s",
        f"{result.ack_gap_s:.1f} s",
        f"{result.store_gap_s:.1f} s",
        f"{result.acked_count * 20:,}",
        f"{result.stored_count:,}",
        f"{result.duplicate_count:,}",
        f"{result.unknown_count:,}",
        f"{result.sealed_count} / {result.merged_count}",
    )
    return "| " + " | ".join(cells) + " |\n"


def _notes(one: Played) -> str:
    lines = [f"- **{one.row.number}** ({one.result.seconds:.0f} s), expected: {one.row.expected}."]
    lines += [f"  - {note}" for note in one.result.notes]
    if one.result.troubles:
        troubles = ", ".join(f"{kind} {n}" for kind, n in sorted(one.result.troubles.items()))
        lines.append(f"  - attempts without a 2xx: {troubles}")
    lines += [f"  - **problem**: {problem}" for problem in one.result.problems]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"Machine: {os.cpu_count()} cores, {memory_bytes / 1024**3:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}."
    )
