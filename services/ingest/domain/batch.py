"""From a body to a batch: one pass in C for most events, the slow way for those that need it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from libs.common.events import BatchRecord, PackedRows, decode_batch
from libs.common.events.records import BatchHeader
from libs.common.ids import batch_key, new_uuid7
from services.ingest.domain.client_events import (
    ClientBatch,
    Envelope,
    cap_texts,
    event_decoder,
)
from services.ingest.domain.envelope import read_envelope
from services.ingest.domain.keys import IngestKeyRecord
from services.ingest.domain.limits import SHORT_CAP_BYTES, BatchLimits, cut_text
from services.ingest.domain.redaction import Redaction
from services.ingest.domain.repair import (
    Unmendable,
    clean,
    clean_text,
    decode_leniently,
    invalid_field,
    mend,
)
from services.ingest.domain.rows import BatchFacts, NeedsRepair, RowMaker
from services.ingest.domain.whole import UNDECODABLE, decode_piece, take_apart

RedactText = Callable[[str, Counter[str]], str]

_SDK_BYTES = 512


class Arrival(NamedTuple):
    """How a body came."""

    key: IngestKeyRecord
    received_at: datetime
    sent_at: datetime | None
    body_hmac: bytes


@dataclass(slots=True)
class Verdict:
    """What became of a body: the record to publish, and what was rejected."""

    header: BatchHeader
    record_key: bytes
    value: bytes
    """The record, encoded: its rows would take ten times the memory until Kafka has them."""
    event_count: int
    """Of the body: accepted and rejected."""
    accepted_count: int
    rejected: dict[int, str] = field(default_factory=dict)
    """Reason by position."""
    hits: Counter[str] = field(default_factory=Counter)
    is_exactly_once: bool = True
    """False where the sender gave no batch id, so that a retry cannot be recognised."""

    @property
    def batch_id(self) -> UUID:
        """Return the batch's id, the sender's own or the one that it was given."""
        return self.header.batch_id

    @property
    def record(self) -> BatchRecord:
        """Return the batch as its readers will see it, decoded anew."""
        return decode_batch(self.value)


def read_batch(body: bytes, arrival: Arrival, limits: BatchLimits, redaction: Redaction) -> Verdict:
    """Decode, validate and redact a body; raises MalformedBody, InvalidBatch, BatchTooLarge.

    The same body gives the same verdict in every attempt.
    """
    how = _How(arrival, limits, redaction)
    return _read_whole(body, how) or _read_each(body, how)


@dataclass(slots=True)
class _How:
    arrival: Arrival
    limits: BatchLimits
    redaction: Redaction


class _Reading:
    """A batch on its way to rows."""

    def __init__(
        self, envelope: Envelope, how: _How, hits: Counter[str], *, is_ascii: bool
    ) -> None:
        arrival = how.arrival
        self._envelope = envelope
        self._how = how
        self.hits = hits
        self.rejected: dict[int, str] = {}
        self._batch_id = envelope.batch_id or new_uuid7(arrival.received_at)
        self._key = batch_key(arrival.key.application, self._batch_id)
        redacted = _Redacted(how.redaction, self.hits)
        facts = _facts(envelope, arrival, how.limits, redacted, self._key)
        self.maker = RowMaker(facts, how.limits, how.redaction.strip_literals, is_ascii=is_ascii)
        self._packed = PackedRows()

    def pack(self) -> None:
        """Encode the rows made so far and let go of them: while they are in the cache."""
        self._packed.pack(*self.maker.tables)
        for rows in self.maker.tables:
            rows.clear()

    def verdict(self, event_count: int) -> Verdict:
        """Return what became of the batch, all its events looked at."""
        envelope, arrival = self._envelope, self._how.arrival
        rejected = self.rejected
        header = BatchHeader(
            arrival.key.application,
            self._batch_id,
            arrival.key.id,
            arrival.received_at,
            arrival.body_hmac,
            _sdk_name(envelope.sdk, self._how.redaction),
        )
        return Verdict(
            header,
            self._key,
            self._packed.value(header, *self.maker.tables),
            event_count,
            event_count - len(rejected),
            dict(sorted(rejected.items())) if rejected else rejected,
            self.hits,
            envelope.batch_id is not None,
        )


def _read_whole(body: bytes, how: _How) -> Verdict | None:
    """Read a batch that is in order by one search and few decodes; None for any other."""
    hits: Counter[str] = Counter()
    pieces = take_apart(body, how.limits, how.redaction, hits)
    if pieces is None:
        return None
    reading = _Reading(pieces.envelope, how, hits, is_ascii=pieces.is_ascii)
    event_count = 0
    for piece in pieces:
        if event_count:
            reading.pack()
        events = decode_piece(piece)
        if not events or event_count + len(events) > how.limits.event_count:
            return None
        if not reading.maker.add_all(events, event_count):
            return None
        event_count += len(events)
    return reading.verdict(event_count)


def _read_each(body: bytes, how: _How) -> Verdict:
    """Read any batch: each event has its own size, redaction and fate."""
    limits, redaction = how.limits, how.redaction
    body, envelope = read_envelope(body, limits)
    hits: Counter[str] = Counter()
    reading = _Reading(envelope, how, hits, is_ascii=body.isascii())
    maker, rejected = reading.maker, reading.rejected

    redacted = redaction.redact_raw(envelope.events, hits)
    slow = set(redacted.odd)
    if len(body) > limits.event_bytes:
        for position, raw in enumerate(envelope.events):
            if len(raw) > limits.event_bytes:
                rejected[position] = "event_too_large"
                slow.discard(position)
    skipped = slow | rejected.keys()
    for position, patched in redacted.patched.items():
        envelope.events[position] = msgspec.Raw(patched)
    decode, add = event_decoder.decode, maker.add
    for position, raw in enumerate(envelope.events):
        if position not in skipped:
            try:
                add(decode(raw), position)
            except (NeedsRepair, *UNDECODABLE):
                slow.add(position)
            except Unmendable as error:
                rejected[position] = error.reason
    if slow:
        _add_repaired(envelope, sorted(slow), _Slow(maker, limits, redaction, hits, rejected))
    return reading.verdict(len(envelope.events))


@dataclass(slots=True)
class _Slow:
    maker: RowMaker
    limits: BatchLimits
    redaction: Redaction
    hits: Counter[str]
    rejected: dict[int, str]


def _add_repaired(envelope: ClientBatch, positions: list[int], slow: _Slow) -> None:
    """Take the slow way: decode exactly, mend, redact, cut, and decode strictly after all."""
    kept: list[int] = []
    events: list[dict[str, Any]] = []
    for position in positions:
        try:
            event = clean(decode_leniently(bytes(envelope.events[position])), slow.limits)
            events.append(mend(event))
            kept.append(position)
        except Unmendable as error:
            slow.rejected[position] = error.reason
    for position, event in zip(kept, slow.redaction.redact_events(events, slow.hits), strict=True):
        cut = cap_texts(event)
        if cut:
            event["extra_data"] = {**(event.get("extra_data") or {}), "_truncated": cut}
        try:
            slow.maker.add(event_decoder.decode(msgspec.json.encode(event)), position)
        except msgspec.ValidationError as error:
            slow.rejected[position] = invalid_field(error)
        except (NeedsRepair, Unmendable) as error:
            slow.rejected[position] = error.reason


@dataclass(slots=True)
class _Redacted:
    redaction: Redaction
    hits: Counter[str]

    def short_text(self, text: str | None) -> str | None:
        if not text:
            return None
        if len(text) > SHORT_CAP_BYTES:
            return _short_text(text, self.redaction.redact_text, self.hits)
        short, hits = _known_short_text(text, self.redaction.redact_text)
        if hits:
            self.hits.update(hits)
        return short


def _short_text(text: str, redact: RedactText, hits: Counter[str]) -> str:
    return cut_text(redact(clean_text(text), hits), SHORT_CAP_BYTES)


@lru_cache(maxsize=1_024)
def _known_short_text(text: str, redact: RedactText) -> tuple[str, Counter[str]]:
    """Remember what few deployments say with every batch."""
    hits: Counter[str] = Counter()
    return _short_text(text, redact, hits), hits


def _facts(
    envelope: Envelope,
    arrival: Arrival,
    limits: BatchLimits,
    redacted: _Redacted,
    identity: bytes,
) -> BatchFacts:
    received_at, key = arrival.received_at, arrival.key
    skew = timedelta(0)
    if arrival.sent_at is not None and (abs(received_at - arrival.sent_at) > limits.tolerated_skew):
        skew = received_at - arrival.sent_at
    return BatchFacts(
        application=key.application,
        environment=redacted.short_text(envelope.environment),
        release=redacted.short_text(envelope.release),
        default_source="frontend" if key.is_browser else "backend",
        forced_source="frontend" if key.is_browser else None,
        received_at=received_at,
        earliest=received_at - (limits.backfill_past if key.may_backfill else limits.past),
        latest=received_at + limits.future,
        skew=skew,
        identity=identity,
    )


def _sdk_name(raw: msgspec.Raw, redaction: Redaction) -> str | None:
    if not 0 < len(raw) <= _SDK_BYTES:
        return None
    return _sdk_name_of(bytes(raw), redaction.redact_text)


@lru_cache(maxsize=256)
def _sdk_name_of(raw: bytes, redact: RedactText) -> str | None:
    """Return `name/version` of the sender's SDK; None where it says nothing usable."""
    sdk = msgspec.json.decode(raw)
    if not isinstance(sdk, dict) or not isinstance(sdk.get("name"), str):
        return None
    name = clean_text(f"{sdk['name']}/{sdk.get('version', '')}")
    return cut_text(redact(name, Counter()), 64)
