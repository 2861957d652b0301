"""What users of the Python SDK get: a wheel with what they need, that works by itself."""

import subprocess
import sys
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import httpx
import pytest

from tests.architecture.tree import ROOT

SDK = ROOT / "sdk" / "python"
LARGEST_WHEEL_BYTES = 80_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    offline = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", folder, SDK], check=True
    )
    [made] = folder.glob("*.whl")
    return made


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    here = {
        path.relative_to(SDK).as_posix()
        for path in (SDK / "headwater_sdk").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert names == here
    assert {Path(name).suffix for name in names} == {".py", ".json", ".typed"}
    assert wheel.stat().st_size <= LARGEST_WHEEL_BYTES


def test_it_holds_the_licence_that_it_names(wheel: Path) -> None:
    assert metadata(wheel)["License-Expression"] == "Apache-2.0"
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/licenses/LICENSE")]
        assert archive.read(name) == (ROOT / "LICENSE").read_bytes()


def test_it_needs_httpx_only_and_begins_with_two_lines(wheel: Path) -> None:
    told = metadata(wheel)
    needed = [one for one in told.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert [one.partition(">")[0] for one in needed] == ["httpx"]
    assert (told["Name"], told["Requires-Python"]) == ("headwater-sdk", ">=3.11")
    text = str(told.get_payload())
    start = text.partition("```python\n")[2].partition("```")[0]
    assert len([line for line in start.splitlines() if line]) == 2


def test_it_works_where_nothing_of_ours_is_installed(wheel: Path, tmp_path: Path) -> None:
    """In an environment with httpx alone, which is lent from here."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    lent = tmp_path / "lent"
    lent.mkdir()
    for name in ("httpx", "httpcore", "h11", "anyio", "idna", "certifi", "sniffio"):
        source = Path(httpx.__file__).parents[1] / name
        if source.exists():
            (lent / name).symlink_to(source)
    program = (
        "import headwater_sdk, logging\n"
        "log = headwater_sdk.init('http://127.0.0.1:9/none', 'hw_a_b')\n"
        "logging.getLogger('shop').warning('password=x')\n"
        "assert log.stats()['captured'] == 1, log.stats()\n"
        "assert log.close(0.2) is False and log.stats()['drops'] == {'closed': 1}, log.stats()\n"
    )
    done = subprocess.run(
        [python, "-I", "-c", f"import sys; sys.path += {[str(wheel), str(lent)]!r}\n{program}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr.replace("password=x\n", "")) == (0, "")
