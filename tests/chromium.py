"""Runs cases written for Node and Chromium, and reads what became of each."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parent.parent
SDK = ROOT / "sdk" / "browser"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_TITLE = re.compile(r"case (\d+): (.*)")


class MissingTool(Exception):
    """Something that the tests need is not installed; the text says how to get it."""


@dataclass(frozen=True)
class CaseResult:
    """What became of one case."""

    number: int
    title: str
    failure: str | None


def check_tools() -> None:
    """Raise MissingTool where Node, its packages or Chromium are missing."""
    if shutil.which("npm") is None:
        raise MissingTool("Node.js 20 or newer is missing: install it, with npm")
    if not (ROOT / "node_modules" / "playwright-core").exists():
        raise MissingTool("the packages of Node are missing: run `npm ci`")
    if find_chromium() is None:
        raise MissingTool("Chromium is missing: `apt-get install chromium`, or set CHROMIUM")


def find_chromium() -> str | None:
    """Return the path of Chromium: `CHROMIUM` in the environment, or one on the path."""
    given = os.environ.get("CHROMIUM")
    if given:
        return given if Path(given).exists() else None
    return next((found for name in _CHROMIUM if (found := shutil.which(name))), None)


def build_sdk() -> None:
    """Build the SDK as it is published."""
    check_tools()
    done = subprocess.run(
        ["npm", "run", "build", "--silent", "-w", "sdk/browser"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run_cases(
    file: str, report: Path, environment: Mapping[str, str] | None = None, timeout_s: float = 480
) -> list[CaseResult]:
    """Run one file of cases by Node and return the result of each; `report` is a file to write."""
    done = subprocess.run(
        [
            "node",
            "--test",
            "--test-reporter=junit",
            f"--test-reporter-destination={report}",
            str(SDK / "test" / "chromium" / file),
        ],
        cwd=SDK,
        env={**os.environ, "CHROMIUM": find_chromium() or "", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    results = [
        CaseResult(int(title[1]), title[2], _failure_of(case))
        for case in ET.parse(report).iter("testcase")
        if (title := _TITLE.match(case.get("name", "")))
    ]
    assert results, report.read_text("utf-8") + done.stderr
    return results


def _failure_of(case: ET.Element) -> str | None:
    failure = case.find("failure")
    return None if failure is None else failure.text or failure.get("message") or "failed"
