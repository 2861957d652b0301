"""Reads real log files: each line becomes an event with level, module, path, status and duration.

The formats are those of the Loghub collection. A line of no known form is kept as it is, with the
time and level of the line before: a file gives exactly as many events as it has lines.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from headwater.demo.errors import DemoFailed

SPAN = timedelta(hours=24)
_LINES_TO_JUDGE_BY = 20
_YEAR_WHERE_NONE_IS_WRITTEN = 2000
_WRAPPED_MONTHS = 6


@dataclass(frozen=True)
class Line:
    """What one line says."""

    level: str
    message: str
    moment: datetime | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    """Further fields of the event, named as the ingest contract names them."""


@dataclass(frozen=True)
class Format:
    """How the lines of one system look, and how to read what the pattern found."""

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], Line]


def read_folder(folder: Path, until: datetime) -> list[dict[str, Any]]:
    """Return an event for every line of the folder's `*.log` files, file by file.

    Each file ends at `until`, its gaps scaled so that it spans 24 hours. Raises DemoFailed where
    there is no such file.
    """
    if not folder.is_dir():
        raise DemoFailed(f"{folder} is no folder")
    files = sorted(folder.glob("*.log"))
    if not files:
        raise DemoFailed(f"{folder} holds no *.log files")
    return [event for file in files for event in read_events(file.stem, _text(file), until)]


def read_events(system: str, text: str, until: datetime) -> Iterator[dict[str, Any]]:
    """Return an event for every line of one file; `system` becomes the events' source."""
    lines = read_lines(text)
    for line, moment in zip(lines, spread([line.moment for line in lines], until), strict=True):
        yield {
            "kind": "log",
            "created_at": moment.isoformat(),
            "source": system.lower(),
            "level": line.level,
            "message": line.message,
            **line.fields,
        }


def read_lines(text: str) -> list[Line]:
    """Read each line of a file in the format that fits its beginning best."""
    texts = text.removesuffix("\n").split("\n") if text else []
    known = _format_of(texts[:_LINES_TO_JUDGE_BY])
    lines: list[Line] = []
    before = Line("INFO", "")
    for raw in texts:
        match = known.pattern.match(raw.rstrip("\r")) if known else None
        if known and match:
            before = known.read(match)
            lines.append(before)
        else:
            module = {name: before.fields[name] for name in ("module",) if name in before.fields}
            lines.append(Line(before.level, raw.rstrip("\r"), before.moment, module))
    return lines


def spread(moments: list[datetime | None], until: datetime) -> list[datetime]:
    """Scale times so that the last is `until` and the first 24 hours before.

    Lines without any time, in a file that has none, are spread evenly.
    """
    known = [moment for moment in moments if moment is not None]
    if not known or max(known) == min(known):
        step = SPAN / max(1, len(moments) - 1)
        return [until - step * (len(moments) - 1 - number) for number in range(len(moments))]
    first, last = min(known), max(known)
    factor = SPAN / (last - first)
    return [until - (last - (moment or first)) * factor for moment in moments]


def _format_of(texts: list[str]) -> Format | None:
    def fitting(known: Format) -> int:
        return sum(known.pattern.match(text) is not None for text in texts)

    best = max(_FORMATS, key=fitting)
    return best if fitting(best) else None


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", errors="replace")


def _time(text: str, form: str) -> datetime:
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def _level(word: str) -> str:
    return {"WARN": "WARNING", "NOTICE": "INFO", "FATAL": "CRITICAL"}.get(
        word.upper(), word.upper()
    )


def _extra(**values: str | None) -> dict[str, Any]:
    said = {name: value for name, value in values.items() if value}
    return {"extra_data": said} if said else {}


def _apache(match: re.Match[str]) -> Line:
    message = match["message"]
    fields: dict[str, Any] = {}
    if module := re.match(r"mod_\w+|jk2_\w+|workerEnv", message):
        fields["module"] = module[0]
    if refused := re.search(r"(forbidden by rule|does not exist): /var/www/html(/\S*)", message):
        fields["request_path"] = refused[2]
        fields["status_code"] = 403 if refused[1].startswith("forbidden") else 404
    moment = _time(match["time"], "%b %d %H:%M:%S %Y")
    client = _extra(remote_address=match["client"])
    return Line(_level(match["level"]), message, moment, fields | client)


def _java(match: re.Match[str]) -> Line:
    """Hadoop's and Zookeeper's: log4j with a thread and a class."""
    moment = _time(match["time"], "%Y-%m-%d %H:%M:%S,%f")
    more = _extra(thread=match["thread"], line=match.groupdict().get("line"))
    fields = {"module": match["module"], **more}
    return Line(_level(match["level"]), match["message"], moment, fields)


def _openstack(match: re.Match[str]) -> Line:
    message = match["message"]
    fields: dict[str, Any] = {"module": match["module"]}
    if match["request"]:
        fields["trace_id"] = match["request"]
    if match["user"]:
        fields["user_id"] = match["user"]
    if served := _SERVED.search(message):
        fields |= {
            "request_method": served["method"],
            "request_path": served["path"],
            "status_code": int(served["status"]),
            "duration_ms": round(float(served["seconds"]) * 1000, 3),
        }
    instance = re.search(r"\[instance: ([0-9a-f-]{36})]", message)
    moment = _time(match["time"], "%Y-%m-%d %H:%M:%S.%f")
    more = _extra(process=match["process"], instance=instance[1] if instance else None)
    return Line(_level(match["level"]), message, moment, fields | more)


def _openssh(match: re.Match[str]) -> Line:
    message = match["message"]
    moment = _time(f"{_YEAR_WHERE_NONE_IS_WRITTEN} {match['time']}", "%Y %b %d %H:%M:%S")
    if moment.month <= _WRAPPED_MONTHS:
        # logs without a year that run over New Year: January comes after December
        moment = moment.replace(year=_YEAR_WHERE_NONE_IS_WRITTEN + 1)
    fields: dict[str, Any] = {"module": match["module"], "session_id": match["process"]}
    if user := re.search(
        r"\b(?:password for|user|user=)(?: invalid user)? ?(\w+) from|\buser=(\w+)", message
    ):
        fields["user_id"] = user[1] or user[2]
    address = re.search(r"\d{1,3}(?:\.\d{1,3}){3}", message)
    more = _extra(host=match["host"], remote_address=address[0] if address else None)
    return Line(_openssh_level(message), message, moment, fields | more)


def _openssh_level(message: str) -> str:
    """Tell the level from the text: syslog's files do not hold it."""
    if message.startswith(("error:", "fatal:")):
        return "ERROR" if message.startswith("error:") else "CRITICAL"
    return "WARNING" if _OPENSSH_WARNING.search(message) else "INFO"


_OPENSSH_WARNING = re.compile(r"BREAK-IN|[Ff]ail(?:ed|ure)|[Ii]nvalid user|Too many|max retries")
_SERVED = re.compile(
    r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" status: (?P<status>\d{3}) len: \d+'
    r" time: (?P<seconds>[\d.]+)"
)
_FORMATS = (
    Format(
        re.compile(
            r"\[\w{3} (?P<time>\w{3} \d\d [\d:]{8} \d{4})] \[(?P<level>\w+)] "
            r"(?:\[client (?P<client>[^]]+)] )?(?P<message>.*)"
        ),
        _apache,
    ),
    Format(
        re.compile(
            r"(?P<time>\d{4}-\d\d-\d\d [\d:]{8},\d{3}) (?P<level>[A-Z]+) +\[(?P<thread>.*?)] "
            r"(?P<module>[\w.$]+): (?P<message>.*)"
        ),
        _java,
    ),
    Format(
        re.compile(
            r"(?P<time>\d{4}-\d\d-\d\d [\d:]{8},\d{3}) - (?P<level>[A-Z]+) +\[(?P<thread>.*):"
            r"(?P<module>[\w$]+)@(?P<line>\d+)] - (?P<message>.*)"
        ),
        _java,
    ),
    Format(
        re.compile(
            r"\S+ (?P<time>\d{4}-\d\d-\d\d [\d:]{8}\.\d{3}) (?P<process>\d+) (?P<level>[A-Z]+) "
            r"(?P<module>[\w.]+) \[(?:(?P<request>req-[\w-]+) (?P<user>[0-9a-f]+)?[^]]*|-)] "
            r"(?P<message>.*)"
        ),
        _openstack,
    ),
    Format(
        re.compile(
            r"(?P<time>\w{3} [ \d]\d [\d:]{8}) (?P<host>\S+) (?P<module>[\w./-]+)"
            r"\[(?P<process>\d+)]: (?P<message>.*)"
        ),
        _openssh,
    ),
)
