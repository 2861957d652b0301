"""The project's own files, as the architecture tests read them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("libs", "services", "headwater", "sdk/python")
CODE_FOLDERS = (*PACKAGES, "tests", "bench", "scripts")
NOT_OURS = {"__pycache__", "node_modules", ".venv", "dist"}


def python_files(*folders: str) -> list[Path]:
    """Return all Python files below the folders, sorted."""
    return sorted(_below(folders, ".py"))


def text_files() -> list[Path]:
    """Return every file that a person wrote: code, documents, configuration."""
    # in a second work tree of the same clone `.git` is a file that names the first one's place
    ours = [path for path in ROOT.iterdir() if path.name != ".git"]
    top = [path for path in ours if path.is_file() and path.suffix != ".lock"]
    folders = (*CODE_FOLDERS, "docs", ".ci", "deploy", "sdk", "web")
    return sorted([*top, *_below(folders, "")])


def relative(path: Path) -> str:
    """Return the path as it reads from the project's root."""
    return path.relative_to(ROOT).as_posix()


def service_folders() -> list[Path]:
    """Return the folder of each service."""
    return sorted(path.parent for path in (ROOT / "services").glob("*/__init__.py"))


def service_names() -> set[str]:
    """Return the names of the services that exist."""
    return {folder.name for folder in service_folders()}


def _below(folders: tuple[str, ...], suffix: str) -> Iterator[Path]:
    for folder in folders:
        for path in (ROOT / folder).rglob(f"*{suffix}"):
            if path.is_file() and not NOT_OURS & set(path.parts) and path.suffix != ".pyc":
                yield path
