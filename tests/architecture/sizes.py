"""How long the modules are: `python -m tests.architecture.sizes` prints the report."""

import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import PACKAGES, python_files, relative


@dataclass(frozen=True)
class Sizes:
    """Lengths in lines of a group of modules."""

    lengths: dict[str, int]

    @classmethod
    def of(cls, files: list[Path]) -> "Sizes":
        """Measure files; an `__init__.py` is a list of names, not a module to read."""
        modules = [path for path in files if path.name != "__init__.py"]
        return cls({relative(path): len(path.read_text().splitlines()) for path in modules})

    @property
    def median(self) -> float:
        """Return the length in the middle."""
        return statistics.median(self.lengths.values())

    @property
    def ninetieth(self) -> float:
        """Return the length that nine of ten modules do not exceed."""
        return statistics.quantiles(self.lengths.values(), n=10)[-1]

    def longer_than(self, limit: int) -> dict[str, int]:
        """Return the modules beyond a length."""
        return {name: length for name, length in self.lengths.items() if length > limit}

    def line(self, title: str) -> str:
        """Return the group's line of the report."""
        longest = max(self.lengths, key=lambda name: self.lengths[name])
        return (
            f"{title:<10} {len(self.lengths):>4} modules  median {self.median:>5.0f}"
            f"  90 % up to {self.ninetieth:>4.0f}  longest {self.lengths[longest]} ({longest})"
        )


def report() -> str:
    """Return one line a group."""
    groups = {folder: Sizes.of(python_files(folder)) for folder in (*PACKAGES, "tests", "bench")}
    groups["product"] = Sizes.of(python_files(*PACKAGES))
    return "\n".join(sizes.line(title) for title, sizes in groups.items() if len(sizes.lengths) > 1)


if __name__ == "__main__":
    sys.stdout.write(report() + "\n")
