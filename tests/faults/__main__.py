"""`python -m tests.faults`: plays the fault matrix on real servers and processes.

    --seeds N        how many seeds, one full run each (1)
    --rows 8,23,R    only these rows
    --list           show the rows and end
    --broken         play the broken writers instead: the oracle has to find each
    --results FILE   write the table there (Markdown; JSON beside it)

Exits 0 only when every row is as it should be. The folder with all logs stays when one is not.
"""

import argparse
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console

from tests.faults.broken import rows as broken
from tests.faults.matrix import all_rows, choose_rows
from tests.faults.report import Played, write_report
from tests.faults.runner import Result, Row, play_row
from tests.faults.servers import FaultServers
from tests.stack import FOLDER_PREFIX, make_run_folder

STAND_INS = (
    "Network faults (rows 4, 6, 25): an asyncio TCP proxy between the services and the servers, "
    "not a packet filter. It makes silence, resets and eaten answers; it cannot drop single "
    "packets, and each kernel goes on talking to the proxy's, which is well.",
    "Power cuts are not covered: `kill -9` does not lose the page cache.",
)
TMPFS = "Full disk (row 27): PostgreSQL's folder is a small tmpfs of its own, filled to the brim."
QUOTA = "Full disk (row 27): mounts are not permitted here; a quota on file sizes stands in."


def main() -> int:
    """Parse the arguments, play, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    console = Console(width=140, highlight=False)
    if arguments.list:
        for row in all_rows().values():
            console.print(f"{row.number:>3}  {row.component:<9} {row.fault}", markup=False)
        return 0
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    _unmount_left_disks()
    folder = make_run_folder()
    chosen = list(broken.ROWS) if arguments.broken else choose_rows(arguments.rows)
    played, stand_ins = uvloop.run(_play(chosen, arguments.seeds, folder, console))
    if arguments.results is not None:
        write_report(played, stand_ins, arguments.results)
    failed = [one.row.number for one in played if not one.passed]
    if failed:
        console.print(f"not as they should be: {', '.join(failed)}; logs: {folder}", markup=False)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    console.print(f"all {len(played)} as they should be")
    return 0


async def _play(
    rows: Sequence[Row], seed_count: int, folder: Path, console: Console
) -> tuple[list[Played], list[str]]:
    parts = FaultServers(folder)
    played: list[Played] = []
    try:
        servers = await parts.start()
        for seed in range(1, seed_count + 1):
            for row in rows:
                result = await play_row(row, servers, seed)
                one = Played(row, result, _is_as_it_should_be(result))
                played.append(one)
                _show(one, console)
    finally:
        await parts.stop()
    return played, [*STAND_INS, TMPFS if servers.breakable.disk else QUOTA]


def _is_as_it_should_be(result: Result) -> bool:
    if result.number in broken.LAWS:
        return broken.bites(result)
    return result.has_passed


def _show(one: Played, console: Console) -> None:
    result = one.result
    recovered = "-" if result.recovered_s is None else f"{result.recovered_s:.1f}"
    console.print(
        f"{'ok    ' if one.passed else 'FAILED'} {one.row.number:>3} seed {result.seed}  "
        f"{result.seconds:4.0f} s  recovered {recovered:>5}/{result.limit_s:.0f} s  "
        f"acked {result.acked_count * 20:>6}  doubles {result.duplicate_count:>5}  "
        f"unknown {result.unknown_count:>5}  "
        f"sealed {result.sealed_count:>3}  merged {result.merged_count:>3}  "
        f"{one.row.component}: {one.row.fault}",
        markup=False,
        soft_wrap=True,
    )
    for line in result.notes:
        console.print(f"         {line}", markup=False, soft_wrap=True)
    for line in result.problems:
        console.print(f"       ! {line}", markup=False, soft_wrap=True)


def _unmount_left_disks() -> None:
    """Unmount what a run that was killed left mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        place = line.split(" ")[1]
        name = next((part for part in Path(place).parts if part.startswith(FOLDER_PREFIX)), None)
        if name is None:
            continue
        owner = name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if not Path(f"/proc/{owner}").exists():
            subprocess.run(["umount", "--lazy", place], check=False)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
