"""Writes the reference pages that are made from code: `python -m scripts.reference`."""

import sys
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from headwater.settings import StackSettings
from libs.common.settings import (
    CommonSettings,
    InstallationSettings,
    KafkaSettings,
    SelfLogsSettings,
)
from libs.common.telemetry.metric_names import METRICS
from services.ingest.settings import IngestSettings
from services.query.settings import QuerySettings
from services.writer.settings import WriterSettings

_GUIDE = Path(__file__).parents[1] / "docs" / "guide"
_SETTINGS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("The `headwater` command and the local stack", StackSettings),
    ("Every service", CommonSettings),
    ("Kafka", KafkaSettings),
    ("Secrets", InstallationSettings),
    ("Copies of our own warnings (`libs/common/telemetry/self_logs.py`)", SelfLogsSettings),
    ("services/ingest", IngestSettings),
    ("services/writer", WriterSettings),
    ("services/query", QuerySettings),
)


def settings_page() -> str:
    """Return `docs/guide/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Made by `make reference` from the settings classes; do not edit.",
        "",
        "All are environment variables. Durations are seconds or ISO 8601 (`PT5S`). `headwater up`",
        "sets what it must; whatever else is in its environment reaches the services.",
    ]
    for title, settings in _SETTINGS:
        lines += ["", f"## {title}", "", "| variable | default | meaning |", "|---|---|---|"]
        is_service = issubclass(settings, CommonSettings) and settings is not CommonSettings
        inherited = CommonSettings.model_fields if is_service else {}
        prefix = str(settings.model_config.get("env_prefix", ""))
        for name, info in settings.model_fields.items():
            if name not in inherited:
                alias = info.validation_alias
                variable = alias if isinstance(alias, str) else f"{prefix}{name}".upper()
                lines.append(f"| `{variable}` | {_default(info)} | {_told(info.description)} |")
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Return `docs/guide/metrics.md`."""
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} "
        f"| {_told(one.help)} |"
        for one in METRICS
    ]
    return "\n".join([*_metrics_head(), *rows]) + "\n"


def _metrics_head() -> list[str]:
    return [
        "# Metrics of our own processes",
        "",
        "Made by `make reference` from `libs/common/telemetry/metric_names.py`; do not edit.",
        "",
        "Every service answers `/metrics` in Prometheus' text format. What to look at first:",
        "",
        "- `headwater_consumer_stopped_partitions` above 0: an operator has to act",
        "  (`docs/operations/local-stack.md`).",
        "- `headwater_consumer_lag_records` that grows: the writer does not keep up, or",
        "  PostgreSQL is away.",
        "- `headwater_ingest_requests_total` with status 5xx or 429: events wait at their senders.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    if info.default_factory is not None:
        return "the user's cache folder"
    value = info.default
    if value is None or value == "":
        return ""
    if isinstance(value, SecretStr):
        raise TypeError("a secret has no default")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, Enum):
        value = value.value
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _told(text: str | None) -> str:
    return " ".join((text or "").replace("|", "\\|").split())


def pages() -> Iterable[tuple[Path, str]]:
    """Return each page's path and what has to stand in it."""
    yield _GUIDE / "settings.md", settings_page()
    yield _GUIDE / "metrics.md", metrics_page()


def main() -> int:
    """Write the pages; return 0."""
    for path, text in pages():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
