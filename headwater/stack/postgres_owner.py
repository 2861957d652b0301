"""As whom PostgreSQL runs: as we, or, since it refuses root, as a user of its own."""

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from headwater.stack.errors import StackError

USER_OF_ROOT = "headwater-postgres"
READ_AND_ENTER = stat.S_IROTH | stat.S_IXOTH


def find_owner() -> tuple[int, int] | None:
    """Return the user and group id to run PostgreSQL as; None where we are not root.

    Makes the user when it is not there yet. Raises StackError when that is not possible.
    """
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        entry = pwd.getpwnam(USER_OF_ROOT)
        return entry.pw_uid, entry.pw_gid
    useradd = shutil.which("useradd")
    if useradd is None:
        return _nobody()
    subprocess.run(
        [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER_OF_ROOT],
        check=False,
        capture_output=True,  # Another start may have made it at the same moment.
    )
    try:
        entry = pwd.getpwnam(USER_OF_ROOT)
    except KeyError:
        return _nobody()
    return entry.pw_uid, entry.pw_gid


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise StackError(
            "PostgreSQL does not run as root: start as another user, or add one called "
            f"{USER_OF_ROOT}"
        ) from None
    return entry.pw_uid, entry.pw_gid


def open_way_to(folder: Path) -> list[Path]:
    """Let other users enter the folders above this one, and return those that were changed.

    Gives the right to enter only, never to list or to read what else lies there.
    """
    changed = []
    for above in folder.resolve().parents:
        mode = above.stat().st_mode
        if not mode & stat.S_IXOTH:
            above.chmod(mode | stat.S_IXOTH)
            changed.append(above)
    return changed


def open_programs(folder: Path) -> None:
    """Let other users run what an installation made by a careful root kept to itself."""
    if (folder / "bin" / "postgres").stat().st_mode & READ_AND_ENTER == READ_AND_ENTER:
        return
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        wanted = READ_AND_ENTER if path.is_dir() or mode & stat.S_IXUSR else stat.S_IROTH
        path.chmod(mode | wanted)
