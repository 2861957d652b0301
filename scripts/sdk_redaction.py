"""`python -m scripts.sdk_redaction`: give the Python SDK the rule file and the code that reads it.

The SDK is published alone, so it cannot import `libs`; it must redact as the gateway does, so it
gets the same files. `--check` only says whether they are up to date.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "libs/common/redaction"
TARGET = ROOT / "sdk/python/headwater_sdk/redaction"
DATA = ("rules.json",)
MODULES = ("assignments", "checks", "errors", "fold", "names", "sql", "texts", "walk")
"""Those that need nothing but the standard library and each other."""


def files() -> dict[Path, str]:
    """Return what each file of the SDK has to hold."""
    made = {TARGET / name: (SOURCE / name).read_text("utf-8") for name in DATA}
    for module in MODULES:
        path = SOURCE / f"{module}.py"
        note = f"# Made by scripts/sdk_redaction.py from libs/common/redaction/{path.name}.\n"
        text = path.read_text("utf-8").replace("libs.common.redaction", "headwater_sdk.redaction")
        made[TARGET / path.name] = note + text
    return made


def outdated() -> list[str]:
    """Return the names of files that are not what they have to be."""
    return [
        path.name
        for path, text in files().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]


def main() -> None:
    """Write the files, or only compare them."""
    if "--check" not in sys.argv:
        for path, text in files().items():
            path.write_text(text, "utf-8")
    elif names := outdated():
        sys.exit(f"{', '.join(names)}: run .venv/bin/python -m scripts.sdk_redaction")


if __name__ == "__main__":
    main()
