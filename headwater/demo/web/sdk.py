"""The browser SDK as the page loads it: built again where its source is newer."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from headwater.demo.errors import DemoFailed

SDK = Path(__file__).parents[3] / "sdk" / "browser"
SDK_FILES = ("headwater.js", "requests.js")
_SOURCES = ("src", "scripts")


def build_sdk(sdk: Path, tell: Callable[[str], None]) -> None:
    """Build the SDK unless what is built is newer than its source; that takes some seconds.

    Raises DemoFailed where it cannot be built.
    """
    if _is_current(sdk):
        return
    checkout = sdk.parents[1]
    if shutil.which("npm") is None or not (checkout / "node_modules").exists():
        raise DemoFailed(
            "the browser SDK has to be built: install Node.js 20.19 or newer, with npm, "
            f"then `make setup` in {checkout}"
        )
    tell("building the browser SDK")
    done = subprocess.run(
        ["npm", "run", "build", "--silent"], cwd=sdk, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoFailed(f"the browser SDK cannot be built:\n{done.stdout}{done.stderr}".rstrip())


def _is_current(sdk: Path) -> bool:
    built = [sdk / "dist" / name for name in SDK_FILES]
    if not all(path.exists() for path in built):
        return False
    sources = (path for folder in _SOURCES for path in (sdk / folder).rglob("*"))
    newest = max(path.stat().st_mtime for path in sources)
    return min(path.stat().st_mtime for path in built) >= newest
