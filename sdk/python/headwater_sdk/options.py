"""What an application may set; what makes no sense is replaced by its default, never refused."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Any, TypedDict

from headwater_sdk.redaction import RedactOptions, Redactor

Event = dict[str, Any]
BeforeSend = Callable[[Event], Event | None]

OLDEST = timedelta(days=7)
"""The gateway knows a batch again for 8 days: what is older than 7 might be stored twice."""


@dataclass(frozen=True)
class Problem:
    """What `on_error` is told: a refusal, a success that is no gateway's, a broken spool."""

    reason: str
    status: int = 0
    """Of the gateway's answer; 0 where none is meant."""
    event_count: int = 0
    """How many events were lost by it."""


class Options(TypedDict, total=False):
    """The keyword arguments of `init`."""

    environment: str
    release: str
    source: str
    """`backend`."""
    context: Mapping[str, object]
    """Part of every event's `extra_data`."""
    sample_rate: float
    """Part of the events that is sent, 0 to 1; 1."""
    batch_size: int
    """Events; 200."""
    flush_after: timedelta
    """After the first event of a batch; 2 s. Errors go at once."""
    queue_count: int
    """Events that wait in memory at the most; 10,000, the last quarter for errors."""
    queue_bytes: int
    """The same in bytes; 16 MiB."""
    spool: str | PathLike[str] | None
    """Folder in which batches wait for the gateway; without one they wait in memory."""
    spool_bytes: int
    """64 MiB."""
    max_age: timedelta
    """Of a batch that is still sent; 7 days, which is also the most."""
    answer_within: timedelta
    """10 s."""
    exit_within: timedelta
    """How long the end of the process may wait for the last events; 2 s."""
    dedupe_within: timedelta
    """Window in which repeats only count; zero: off, the default."""
    gzip: bool
    """Compress what is larger than 1 KiB; true."""
    redact: RedactOptions
    before_send: BeforeSend
    """Change an event, or drop it by returning None."""
    on_error: Callable[[Problem], None]
    propagate_to: Sequence[str]
    """Hosts that get the trace id: `api.example.com`, `.example.com` for all below it."""
    queries_from: timedelta
    """SQL statements that took less are no event; zero: all are."""


@dataclass(frozen=True)
class Settings:
    """The options as they hold."""

    url: str
    key: str = field(repr=False)
    environment: str | None = None
    release: str | None = None
    source: str = "backend"
    context: Mapping[str, object] = field(default_factory=dict)
    sample_rate: float = 1.0
    batch_size: int = 200
    flush_after: timedelta = timedelta(seconds=2)
    queue_count: int = 10_000
    queue_bytes: int = 16 << 20
    spool: Path | None = None
    spool_bytes: int = 64 << 20
    max_age: timedelta = OLDEST
    answer_within: timedelta = timedelta(seconds=10)
    exit_within: timedelta = timedelta(seconds=2)
    dedupe_within: timedelta = timedelta(0)
    gzip: bool = True
    redact: RedactOptions = field(default_factory=RedactOptions)
    before_send: BeforeSend | None = None
    on_error: Callable[[Problem], None] | None = None
    propagate_to: tuple[str, ...] = ()
    queries_from: timedelta = timedelta(0)

    @property
    def is_complete(self) -> bool:
        """Say whether there is somewhere to send to."""
        return bool(self.url and self.key)


_LEAST: Mapping[str, Any] = {
    "sample_rate": 0.0,
    "batch_size": 1,
    "flush_after": timedelta(0),
    "queue_count": 1,
    "queue_bytes": 1,
    "spool_bytes": 0,
    "max_age": timedelta(0),
    "answer_within": timedelta(milliseconds=1),
    "exit_within": timedelta(0),
    "dedupe_within": timedelta(0),
    "queries_from": timedelta(0),
}
_MOST_EVENTS = 1_000


def read_options(url: object, key: object, options: Options) -> Settings:
    """Return the settings that hold; never raises."""
    given: dict[str, Any] = {
        name: value
        for name, value in options.items()
        if value is not None and name in Settings.__dataclass_fields__ and _makes_sense(name, value)
    }
    if "spool" in given:
        given["spool"] = Path(given["spool"])
    if "propagate_to" in given:
        hosts = given["propagate_to"]
        given["propagate_to"] = (hosts,) if isinstance(hosts, str) else tuple(map(str, hosts))
    if "batch_size" in given:
        given["batch_size"] = min(given["batch_size"], _MOST_EVENTS)
    if "max_age" in given:
        given["max_age"] = min(given["max_age"], OLDEST)
    return Settings(_text(url), _text(key), **given)


def _makes_sense(name: str, value: object) -> bool:
    try:
        if name in _FORMS:
            return _FORMS[name](value)
        return bool(value >= _LEAST[name])
    except Exception:  # of another type, or a type of the application's own
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_folder(value: object) -> bool:
    return bool(value) and isinstance(value, str | PathLike) and bool(Path(value))


def _is_context(value: object) -> bool:
    return isinstance(value, Mapping) and dict(value) is not None


def _are_hosts(value: object) -> bool:
    return isinstance(value, str | Sequence | Set) and not isinstance(value, bytes)


def _are_rules(value: object) -> bool:
    """Say whether a redactor can be made of them; raises what it raises."""
    return isinstance(value, RedactOptions) and Redactor(value) is not None


_FORMS: Mapping[str, Callable[[object], bool]] = {
    "environment": _is_text,
    "release": _is_text,
    "source": _is_text,
    "context": _is_context,
    "spool": _is_folder,
    "gzip": lambda value: isinstance(value, bool),
    "redact": _are_rules,
    "before_send": callable,
    "on_error": callable,
    "propagate_to": _are_hosts,
}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
