import subprocess
import sys

from tests.architecture.tree import ROOT

LINT_IMPORTS = (
    "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
)


def test_import_contracts_are_kept() -> None:
    run = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stdout[-4_000:] + run.stderr[-2_000:]
