"""Measured figures, what they have to reach, and how they are shown."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One number of one row of the table."""

    row: str
    name: str
    value: float
    unit: str
    must: float | None = None
    goal: float | None = None
    more_is_better: bool = True
    note: str = ""

    @property
    def verdict(self) -> str:
        """Return `goal`, `must`, `short`, or nothing where nothing was set."""
        if self.must is None:
            return ""
        if self.goal is not None and self._reaches(self.goal):
            return "goal"
        return "must" if self._reaches(self.must) else "short"

    def _reaches(self, level: float) -> bool:
        return self.value >= level if self.more_is_better else self.value <= level


def as_table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| row | figure | measured | must | goal | reached | note |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    for one in figures:
        cells = (
            one.row,
            one.name,
            f"{_number(one.value)} {one.unit}".strip(),
            _number(one.must),
            _number(one.goal),
            one.verdict,
            one.note,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
