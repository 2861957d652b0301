"""The browser SDK beside those of four vendors, all in one Chromium: `bench/browser`."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure

_ROOT = Path(__file__).parent.parent
_BENCH = _ROOT / "bench" / "browser"
_OURS = "headwater"
_CASES = {
    "navigation": "ten logs, then another page",
    "tabClose": "an error, then the tab closes",
    "offlineReload": "25 logs offline, 8 s, reload, online",
    "offlineReloadAtOnce": "25 logs offline, reload at once, online",
    "serverDown": "25 logs, the collector is away for 20 s",
}


class SdkRunFailed(Exception):
    """Node could not install, build or measure; the text is what it said."""


@dataclass(frozen=True)
class _Cost:
    """A figure of which less is better."""

    name: str
    unit: str
    of: Callable[[dict[str, Any]], float]
    bound: Callable[[Iterable[float]], float] | None = None
    """What ours must not exceed, from the others' figures; reported only where there is none."""


_COSTS = (
    _Cost("size in an application's bundle", "kB", lambda one: one["gzippedBytes"] / 1000, min),
    _Cost("first log() on a fresh page", "us", lambda one: float(one["firstUs"])),
    _Cost("log(), the next 100", "us", lambda one: float(one["callUs"]), median),
    _Cost("CPU of the main thread, 10,000 logs", "ms", lambda one: one["flood"]["ms"], median),
    _Cost("bytes of an event on the wire", "B", lambda one: float(one["wire"]["bytes"])),
)


async def measure() -> list[Figure]:
    """Install and run the comparison. Raises SdkRunFailed."""
    await _run("npm", "ci", "--silent", folder=_BENCH)
    await _run("npm", "run", "build", "--silent", "-w", "sdk/browser", folder=_ROOT)
    told = json.loads(await _run("node", "run.js", folder=_BENCH))
    return as_figures(told["figures"], told["chromium"])


async def _run(*command: str, folder: Path) -> bytes:
    """Run a command and return what it printed; its complaints go where ours go."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise SdkRunFailed(f"{' '.join(command)} ended with {process.returncode}: {out.decode()}")
    return out


def as_figures(measured: dict[str, dict[str, Any]], chromium: str) -> list[Figure]:
    """Return the rows of the table: ours, held to the others', which the note names."""
    ours = measured[_OURS]
    others = {name: one for name, one in measured.items() if name != _OURS}
    figures = []
    for cost in _COSTS:
        theirs = {name: cost.of(one) for name, one in others.items()}
        figures.append(
            Figure(
                "browser",
                cost.name,
                cost.of(ours),
                cost.unit,
                must=cost.bound and cost.bound(theirs.values()),
                goal=cost.bound and min(theirs.values()),
                more_is_better=False,
                note=", ".join(f"{name} {_short(value)}" for name, value in theirs.items()),
            )
        )
    arrived = {name: one["flood"]["delivered"] for name, one in measured.items()}
    figures.append(
        Figure(
            "browser",
            "of these 10,000 delivered",
            arrived[_OURS],
            "",
            note=", ".join(f"{name} {arrived[name]:,}" for name in others),
        )
    )
    for case, title in _CASES.items():
        verdict = ours["cases"][case]
        figures += [
            Figure(
                "browser",
                f"{title}: delivered",
                100 * verdict["delivered"] / verdict["sent"],
                "%",
                must=100,
                note=_verdicts(others, case),
            ),
            Figure(
                "browser",
                f"{title}: twice",
                verdict["twice"],
                "",
                must=0,
                more_is_better=False,
                note=f"Chromium {chromium}",
            ),
        ]
    return figures


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _verdicts(others: dict[str, dict[str, Any]], case: str) -> str:
    """Say what the others delivered: `sentry 83 %, datadog 100 % (25 twice)`."""
    said = []
    for name, one in others.items():
        verdict = one["cases"][case]
        twice = f" ({verdict['twice']} twice)" if verdict["twice"] else ""
        said.append(f"{name} {100 * verdict['delivered'] / verdict['sent']:.0f} %{twice}")
    return ", ".join(said)
