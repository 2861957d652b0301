"""What a newcomer types: the lines of the guides in an empty folder, and the demo's page."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from headwater.demo.errors import DemoFailed
from headwater.demo.web.sdk import SDK_FILES, build_sdk
from headwater.home import Home, State, write_state
from tests.chromium import ROOT, SDK, check_tools, find_chromium
from tests.e2e.running import BATCHES, Product, running_product, wait_for
from tests.stack import Stack

pytestmark = pytest.mark.timeout(300)

GUIDES = ROOT / "docs" / "guide"
LONG_S = 200


@pytest.fixture(scope="module")
def product(stack: Stack, run_folder: Path, template_database: str) -> Iterator[Product]:
    with running_product(stack, run_folder, template_database) as running:
        yield running


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout after `npm ci`, but for what that builds; it is this module's to change."""
    check_tools()
    made = tmp_path_factory.mktemp("beside") / "headwater"
    for folder in ("headwater", "libs", "sdk"):
        shutil.copytree(
            ROOT / folder, made / folder, ignore=shutil.ignore_patterns("dist", "__pycache__")
        )
    (made / "node_modules").symlink_to(ROOT / "node_modules")
    return made


@pytest.fixture
def application(checkout: Path) -> Path:
    """Return an empty folder beside the checkout, where the guides' lines are typed."""
    made = checkout.parent / f"shop-{uuid4().hex[:8]}"
    made.mkdir()
    return made


def block(guide: str, language: str = "") -> str:
    """Return a guide's first block of a language; those without are lines for a shell."""
    text = (GUIDES / guide).read_text("utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, f"{guide} has no such block"
    return found[1]


def filled(start: str, url: str, key: str) -> str:
    """Return a guide's two lines with a real address and key."""
    mine = re.sub(r'"https://[^"]*"', f'"{url}"', start).replace("hw_…", key)
    assert url in mine
    assert key in mine
    return mine


def run(*argv: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )


def do(*argv: str | Path, folder: Path, **environment: str) -> None:
    done = run(*argv, folder=folder, **environment)
    assert done.returncode == 0, done.stdout + done.stderr


def stored(product: Product, message: str) -> dict[str, object]:
    """Return the one log with a message that `GET /logs` finds."""
    [event] = wait_for(lambda: product.search(text=f'"{message}"'))
    return dict(event)


def test_a_page_logs_with_what_the_guide_says(
    product: Product, checkout: Path, application: Path
) -> None:
    fetch, pack, install = block("browser-sdk.md").splitlines()
    assert fetch == "npm ci --prefix ../headwater"  # what `checkout` stands for
    for line in (pack, install):
        do(*line.split(), folder=application, npm_config_offline="true")

    url, message = str(product.ingest.base_url.join(BATCHES)), f"page {uuid4().hex}"
    start = filled(block("browser-sdk.md", "js"), url, product.browser_key)
    (application / "start.js").write_text(f'{start}window.log = log;\nlog.info("{message}");\n')
    esbuild = checkout / "node_modules" / ".bin" / "esbuild"
    do(esbuild, "start.js", "--bundle", "--outfile=bundle.js", folder=application)
    page = application / "index.html"
    page.write_text('<!doctype html><script src="bundle.js"></script>')
    visit = SDK / "test" / "chromium" / "visit.js"
    do("node", visit, page.as_uri(), folder=application, CHROMIUM=find_chromium() or "")
    assert stored(product, message)["source"] == "frontend"


def test_a_program_logs_with_what_the_guide_says(product: Product, application: Path) -> None:
    [install] = block("python-sdk.md").splitlines()
    offline = ("--target", "packages", "--no-deps", "--no-index", "--no-build-isolation")
    do(sys.executable, "-m", *install.split(), *offline, folder=application)

    url, message = str(product.ingest.base_url.join(BATCHES)), f"program {uuid4().hex}"
    more = (
        "import logging, pathlib\n"
        "assert 'packages' in pathlib.Path(headwater_sdk.__file__).parts\n"
        f"logging.getLogger('shop').warning('{message}')\n"
    )
    for key, said in (
        (product.key_for(is_browser=False), ""),
        ("hw_bad_key", f"headwater_sdk: {url} answered 401: check the address and the key"),
    ):
        program = filled(block("python-sdk.md", "python"), url, key) + more
        done = run(sys.executable, "-c", program, folder=application, PYTHONPATH="packages")
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stderr.splitlines() if line != message]
        assert len(lines) == bool(said), done.stderr
        assert "".join(lines).startswith(said)
    assert stored(product, message)["module"] == "shop"


def test_the_demos_page_is_built_and_served(
    product: Product, checkout: Path, run_folder: Path
) -> None:
    shutil.rmtree(checkout / "sdk" / "browser" / "dist", ignore_errors=True)
    home = Home(run_folder / f"home-{uuid4().hex[:8]}")
    held = home.lock()
    state = State(
        home=str(home.path),
        ready=True,
        ingest_url=str(product.ingest.base_url.join(BATCHES)),
        ingest_key=product.key_for(is_browser=False),
        database_url=product.database_url,
    )
    write_state(home, state)
    demo = (sys.executable, "-m", "headwater", "demo", "--web", "--port", "0", "--home", home.path)
    process = subprocess.Popen(
        demo, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        told = [process.stdout.readline(), process.stdout.readline()]
        assert told[0] == "building the browser SDK\n"
        assert told[1].startswith("demo page: http://127.0.0.1:"), told
        address = told[1].split()[2]
        for name in SDK_FILES:
            served = httpx.get(f"{address}/{name}")
            assert served.content == (checkout / "sdk" / "browser" / "dist" / name).read_bytes()
        process.terminate()
        process.communicate(timeout=LONG_S)
    finally:
        process.kill()
        process.communicate()
        held.close()
    assert process.returncode == 0


def test_the_sdk_is_built_again_only_for_newer_source(checkout: Path) -> None:
    sdk = checkout / "sdk" / "browser"
    told: list[str] = []
    (sdk / "dist").mkdir(exist_ok=True)
    for name in SDK_FILES:
        (sdk / "dist" / name).write_text("built")
    build_sdk(sdk, told.append)
    assert told == []
    os.utime(sdk / "src" / "index.js")
    build_sdk(sdk, told.append)
    assert told == ["building the browser SDK"]
    assert all((sdk / "dist" / name).read_text() != "built" for name in SDK_FILES)


def test_without_what_it_is_built_with_the_command_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match=f"then `make setup` in {tmp_path}$"):
        build_sdk(tmp_path / "sdk" / "browser", lambda _: None)
