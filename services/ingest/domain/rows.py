"""From decoded events to rows: the hot loop of the gateway.

Every statement of `RowMaker.add_all` runs once an event; `bench/` watches what it costs.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from libs.common.events import KNOWN_LEVELS, ExceptionRow, LogRow, SampleRow, level_name
from libs.common.ids import EPOCH, MILLISECOND, entropy_of, position_entropy, uuid7
from services.ingest.domain.client_events import (
    ClientEvent,
    ExceptionEvent,
    LogEvent,
    QueryEvent,
    exceeds_caps,
)
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.repair import Unmendable, clean

_VERSION_7 = 7
_MINUTE = timedelta(minutes=1)
_EMPTY_JSON_BYTES = 2
_EXTRA_DEPTH = 2
_BEYOND = datetime.max.replace(tzinfo=UTC)
"""Outside of every window."""
_NO_MINUTE = (_BEYOND, _BEYOND, 1 << 60)
"""Further on than the 48 bits of an id reach."""


class NeedsRepair(Exception):
    """The event decoded, but only the slow way can give it the contract's form."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """Why the event is rejected if it was mended already."""


class BatchFacts(NamedTuple):
    """What all rows of a batch share; a tuple is made in a third of a frozen dataclass's time."""

    application: str
    environment: str | None
    release: str | None
    default_source: str
    forced_source: str | None
    """A browser key's events come from the frontend, whatever they say."""
    received_at: datetime
    earliest: datetime
    latest: datetime
    skew: timedelta
    """Added to every `created_at` of a sender whose clock is off; zero otherwise."""
    identity: bytes


class RowMaker:
    """Makes the rows of one batch, by table, from events in any order."""

    def __init__(
        self,
        facts: BatchFacts,
        limits: BatchLimits,
        strip_literals: Callable[[str], str],
        *,
        is_ascii: bool,
    ) -> None:
        self.logs: list[LogRow] = []
        self.exceptions: list[ExceptionRow] = []
        self.samples: list[SampleRow] = []
        self.tables = (self.logs, self.exceptions, self.samples)
        self._facts = facts
        self._limits = limits
        self._strip_literals = strip_literals
        self._is_ascii = is_ascii
        self._entropy = b""
        self._has_plain = is_ascii and not facts.skew
        self._minute = _NO_MINUTE

    def add_all(self, events: list[ClientEvent], first: int) -> bool:
        """Append the rows of events that stand side by side; False where one of them got none.

        A log event with nothing about it to judge is dealt with here, in one statement after
        another; the rest is `add`'s.
        """
        facts, has_plain, logs = self._facts, self._has_plain, self.logs
        received_at, application = facts.received_at, facts.application
        environment, release = facts.environment, facts.release
        forced_source, default_source = facts.forced_source, facts.default_source
        earliest, latest, level_of = facts.earliest, facts.latest, KNOWN_LEVELS.get
        minute, next_minute, minute_ms = self._minute
        longest_plain = 2 * (self._limits.depth - _EXTRA_DEPTH)
        for position, event in enumerate(events, first):
            if has_plain and type(event) is LogEvent:
                created_at, row_id, size = event.created_at, event.id, len(event.extra_data)
                level = level_of(event.level or "INFO")
                if created_at and row_id and level and (2 < size < longest_plain or not size):
                    # Most events of a batch are of one minute, and offsets are of whole ones: to
                    # divide by a millisecond each time costs twice as much.
                    if not minute <= created_at < next_minute:
                        self._minute = _minute_of(created_at, earliest, latest)
                        minute, next_minute, minute_ms = self._minute
                    since_ms = created_at.second * 1000 + created_at.microsecond // 1000
                    json = str(event.extra_data, "utf-8") if size else None
                    if row_id.int >> 76 == (minute_ms + since_ms) << 4 | _VERSION_7 and (
                        json is None or json[0] == "{"
                    ):
                        logs.append(
                            LogRow(
                                created_at,
                                row_id,
                                received_at,
                                application,
                                environment,
                                release,
                                forced_source or event.source or default_source,
                                level,
                                event.message,
                                event.trace_id or None,
                                event.session_id or None,
                                event.user_id or None,
                                event.module or None,
                                event.request_path or None,
                                event.request_method or None,
                                event.status_code,
                                event.duration_ms,
                                event.count,
                                json,
                            )
                        )
                        continue
            try:
                self.add(event, position)
            except (NeedsRepair, Unmendable):
                return False
        return True

    def add(self, event: ClientEvent, position: int) -> None:
        """Append the event's row. `position` is that in the body as sent, rejected events included.

        Raises Unmendable where a value has no meaning, NeedsRepair where `repair` may give it one.
        """
        if not self._is_ascii and exceeds_caps(event):
            raise NeedsRepair("text_too_long")
        facts = self._facts
        extra: dict[str, object] | None = None

        created_at = event.created_at
        if created_at is None:
            created_at = facts.received_at
        else:
            if facts.skew:
                created_at = _shift(created_at, facts.skew)
            if not facts.earliest <= created_at <= facts.latest:
                extra = {"client_created_at": event.created_at}
                created_at = facts.received_at

        row_id = event.id
        moment_ms = (created_at - EPOCH) // MILLISECOND
        if row_id is None:
            row_id = self._derived_id(moment_ms, position)
        elif row_id.int >> 76 != moment_ms << 4 | _VERSION_7:
            extra = (extra or {}) | {"client_event_id": str(row_id)}
            row_id = self._derived_id(moment_ms, position)

        json = self._json(event.extra_data, "{", "invalid_extra_data", _EXTRA_DEPTH)
        if extra is not None:
            json = _merge(json, extra)
        source = facts.forced_source or event.source or facts.default_source
        if type(event) is LogEvent:
            level = event.level
            self.logs.append(
                LogRow(
                    created_at,
                    row_id,
                    facts.received_at,
                    facts.application,
                    facts.environment,
                    facts.release,
                    source,
                    # without a call for what nearly all senders write
                    KNOWN_LEVELS.get(level or "INFO") or _level(level, "INFO"),
                    event.message,
                    event.trace_id or None,
                    event.session_id or None,
                    event.user_id or None,
                    event.module or None,
                    event.request_path or None,
                    event.request_method or None,
                    event.status_code,
                    event.duration_ms,
                    event.count,
                    json,
                )
            )
        elif type(event) is ExceptionEvent:
            self._add_exception(event, created_at, row_id, source, json)
        else:
            self._add_sample(event, created_at, row_id, source, json)

    def _add_exception(
        self,
        event: ExceptionEvent,
        created_at: datetime,
        row_id: UUID,
        source: str,
        json: str | None,
    ) -> None:
        facts, thrown = self._facts, event.exception
        self.exceptions.append(
            ExceptionRow(
                created_at,
                row_id,
                facts.received_at,
                facts.application,
                facts.environment,
                facts.release,
                source,
                _level(event.level, "ERROR"),
                thrown.type,
                thrown.value or "",
                self._json(thrown.stacktrace, "[", "invalid_exception_stacktrace", 3),
                self._json(thrown.cause, "[", "invalid_exception_cause", 3),
                event.trace_id or None,
                event.session_id or None,
                event.user_id or None,
                event.module or None,
                event.request_path or None,
                event.request_method or None,
                event.status_code,
                event.duration_ms,
                event.count,
                json,
            )
        )

    def _add_sample(
        self, event: ClientEvent, created_at: datetime, row_id: UUID, source: str, json: str | None
    ) -> None:
        facts = self._facts
        statement = event.statement if isinstance(event, QueryEvent) else None
        self.samples.append(
            SampleRow(
                created_at,
                row_id,
                facts.received_at,
                facts.application,
                facts.environment,
                facts.release,
                source,
                "query" if isinstance(event, QueryEvent) else "request",
                event.duration_ms or 0.0,
                self._strip_literals(statement) if statement else None,
                event.trace_id or None,
                event.session_id or None,
                event.user_id or None,
                event.module or None,
                event.request_path or None,
                event.request_method or None,
                event.status_code,
                event.count,
                json,
            )
        )

    def _derived_id(self, moment_ms: int, position: int) -> UUID:
        """Return the id that this event gets in every attempt of its batch."""
        entropy = entropy_of(self._entropy, position)
        if not entropy:
            # an extendable-output hash: what is there already stays the same
            self._entropy = position_entropy(self._facts.identity, max(16, 2 * (position + 1)))
            entropy = entropy_of(self._entropy, position)
        return uuid7(moment_ms, entropy)

    def _json(self, raw: msgspec.Raw, opening: str, reason: str, depth: int) -> str | None:
        """Return a raw JSON value as text, None where it is absent, null or empty.

        `depth` is that of the value in its event.
        """
        size = len(raw)
        if size <= _EMPTY_JSON_BYTES:
            if size and str(raw, "utf-8")[0] != opening:
                raise NeedsRepair(reason)
            return None
        text = str(raw, "utf-8")
        if text[0] != opening:
            if text == "null":
                return None
            raise NeedsRepair(reason)
        limits = self._limits
        if size >= 2 * (limits.depth - depth) and (
            text.count("{") + text.count("[") > limits.depth - depth
            or text.count(":") > limits.object_keys
        ):
            clean(msgspec.json.decode(raw), limits, depth)
        return text


def _minute_of(
    moment: datetime, earliest: datetime, latest: datetime
) -> tuple[datetime, datetime, int]:
    """Return the bounds of a moment's minute, and its beginning in milliseconds since 1970.

    Where not the whole minute lies in the window, there is none: no id has the time it gives.
    """
    if earliest <= moment <= latest:
        minute = moment.replace(second=0, microsecond=0)
        if earliest <= minute and minute + _MINUTE <= latest:
            return minute, minute + _MINUTE, (minute - EPOCH) // MILLISECOND
    return _NO_MINUTE


def _shift(moment: datetime, skew: timedelta) -> datetime:
    try:
        return moment + skew
    except OverflowError:
        return _BEYOND


def _level(level: str | None, default: str) -> str:
    if level is None:
        return default
    name = KNOWN_LEVELS.get(level) or level_name(level)
    if name is None:
        raise Unmendable("unknown_level")
    return name


def _merge(json: str | None, extra: dict[str, object]) -> str:
    """Put what the gateway has to say in front of the sender's object; the sender's keys stay."""
    ours = msgspec.json.encode(extra).decode()
    rest = "}" if json is None else json[1:].lstrip()
    return ours if rest == "}" else f"{ours[:-1]},{rest}"
