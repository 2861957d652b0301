"""Folders of a home: nobody but its owner may look into them, for they hold every event."""

import contextlib
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter, or close one that others could enter."""
    folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & _OTHERS:
        with contextlib.suppress(PermissionError):  # it is somebody else's, who gave it to us
            folder.chmod(mode & ~_OTHERS)
