"""How this program was called: what it tells people to paste is to work where they are."""

import shutil
import sys
from pathlib import Path

NAME = "headwater"


def own_command() -> str:
    """Return what to type for `headwater`: as it was typed, where no PATH leads to it."""
    typed = Path(sys.argv[0]).absolute()
    if typed.name == "__main__.py" and typed.parent.name == NAME:
        return f"{sys.executable} -m {NAME}"
    if typed.name != NAME:
        return NAME  # called from another program: a test, a wrapper
    found = shutil.which(NAME)
    if found is not None and Path(found).resolve() == typed.resolve():
        return NAME
    here = Path.cwd()
    return str(typed.relative_to(here) if typed.is_relative_to(here) else typed)
