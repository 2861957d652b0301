"""The live tail without its IO: records as rows that are matched and framed once for all watchers.

Nothing here waits: a watcher that reads too slowly loses events, and is told how many.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from libs.common.events import ExceptionRow, LogRow
from services.query.domain.conditions import Condition
from services.query.domain.matching import Block, numbers
from services.query.domain.tail_marks import Mark, encode_mark

KINDS = ("log", "exception", "request", "query")
DEFAULT_KINDS = ("log", "exception")

_encoder = msgspec.json.Encoder()
_BLANKS = bytes.maketrans(b"\r\n", b"  ")
_DOCUMENTS = {"extra_data", "stacktrace", "cause"}
_UNRESOLVED = {
    "is_resolved": False,
    "resolved_at": None,
    "resolved_by": None,
    "resolution_notes": None,
}


@dataclass(frozen=True)
class TailRecord:
    """One record of the log, its rows in their order."""

    partition: int
    offset: int
    timestamp_ms: int
    rows: Sequence[Any]


@dataclass(frozen=True)
class TailAsk:
    """What somebody wants to watch, and from where on."""

    condition: Condition
    kinds: frozenset[str]
    mark: Mark | None = None


class Burst:
    """Some records in the order in which they were read."""

    def __init__(self, records: Sequence[TailRecord], start: Mark) -> None:
        self._records = records
        self._places = [
            (number, index)
            for number, record in enumerate(records)
            for index in range(len(record.rows))
        ]
        self.block = Block([row for record in records for row in record.rows])
        self._marks = [start]
        for record in records:
            offsets = {**self._marks[-1].offsets, record.partition: record.offset + 1}
            at_ms = max(self._marks[-1].at_ms, record.timestamp_ms)
            self._marks.append(Mark(1, at_ms, offsets))
        self._frames: dict[int, bytes] = {}
        self._kinds: dict[str, int] | None = None

    def of_kinds(self, kinds: frozenset[str]) -> int:
        """Return the rows that are of these kinds."""
        if self._kinds is None:
            self._kinds = dict.fromkeys(KINDS, 0)
            for number, row in enumerate(self.block.rows):
                self._kinds[kind_of(row)] |= 1 << number
        found = 0
        for kind in kinds:
            found |= self._kinds[kind]
        return found

    @property
    def end(self) -> Mark:
        """Return the place behind all records."""
        return self._marks[-1]

    def frame(self, number: int) -> bytes:
        """Return the event of a row as it is sent; made once."""
        known = self._frames.get(number)
        if known is None:
            at, index = self._places[number]
            record = self._records[at]
            offsets = {**self._marks[at].offsets, record.partition: record.offset}
            mark = Mark(1, self._marks[at + 1].at_ms, offsets, record.partition, index + 1)
            known = frame("event", encode_row(record.rows[index]), mark)
            self._frames[number] = known
        return known

    def is_before(self, number: int, mark: Mark) -> bool:
        """Say whether a row lies before a mark."""
        at, index = self._places[number]
        record = self._records[at]
        return mark.covers(record.partition, record.offset, index)


def kind_of(row: Any) -> str:
    """Return the kind of a row, as clients call it."""
    if isinstance(row, LogRow):
        return "log"
    if isinstance(row, ExceptionRow):
        return "exception"
    kind: str = row.kind
    return kind


def encode_row(row: Any) -> bytes:
    """Return the JSON of a row as every route shows it."""
    shown = msgspec.structs.asdict(row)
    for name in _DOCUMENTS & shown.keys():
        if shown[name] is not None:
            shown[name] = msgspec.Raw(shown[name])
    if isinstance(row, ExceptionRow):
        shown |= _UNRESOLVED
    return _encoder.encode({"kind": kind_of(row), **shown})


def frame(name: str, data: bytes, mark: Mark | None) -> bytes:
    """Return one server-sent event: one line of data.

    Clients' own JSON may have line breaks, but only between its tokens, where a blank is as good.
    """
    if b"\n" in data or b"\r" in data:
        data = data.translate(_BLANKS)
    position = b"" if mark is None else b"id: " + encode_mark(mark).encode() + b"\n"
    return b"event: " + name.encode() + b"\n" + position + b"data: " + data + b"\n\n"


@dataclass
class Watcher:
    """One watcher's filter, and the frames that wait to be sent."""

    condition: Condition
    kinds: frozenset[str]
    mark: Mark
    """The place up to which everything was looked at."""
    most_frames: int = 2_000
    most_bytes: int = 4 * 1024 * 1024
    since: Mark | None = None
    """Events before it are not shown: they were shown before the watcher came back."""
    on_change: Callable[[], None] = lambda: None
    skipped_count: int = 0
    _frames: deque[bytes] = field(default_factory=deque)
    _waiting_bytes: int = 0

    def offer(self, burst: Burst) -> None:
        """Take the matching events of a burst; those that do not fit are counted as skipped."""
        found = numbers(burst.of_kinds(self.kinds) & burst.block.matches(self.condition))
        since = self.since
        for number in found:
            if since is not None and burst.is_before(number, since):
                continue
            if self._is_full():
                self.skipped_count += 1
                continue
            self._tell_skipped()
            self._push(burst.frame(number))
        self.mark = burst.end
        if self._frames:
            self.on_change()

    def tell(self, name: str, document: object, mark: Mark) -> None:
        """Send something that is no event, however full it is."""
        self._push(frame(name, _encoder.encode(document), mark))
        self.on_change()

    def take(self) -> bytes:
        """Return what waits, all of it."""
        made = b"".join(self._frames)
        self._frames.clear()
        self._waiting_bytes = 0
        if self.skipped_count:
            self._tell_skipped()
            made += self._frames.popleft()
            self._waiting_bytes = 0
        return made

    def _is_full(self) -> bool:
        return len(self._frames) >= self.most_frames or self._waiting_bytes >= self.most_bytes

    def _tell_skipped(self) -> None:
        if self.skipped_count:
            count, self.skipped_count = self.skipped_count, 0
            self._push(frame("skipped", _encoder.encode({"count": count}), None))

    def _push(self, made: bytes) -> None:
        self._frames.append(made)
        self._waiting_bytes += len(made)


@dataclass
class Ring:
    """The records of the last minute, as they were read, for watchers that come back."""

    most_bytes: int
    most_ms: int
    floors: dict[int, int] = field(default_factory=dict)
    """From here on each partition's records are held without a gap."""
    _records: deque[tuple[int, int, int, bytes]] = field(default_factory=deque)
    _held_bytes: int = 0

    def start(self, offsets: dict[int, int]) -> None:
        """Forget everything, and begin at these offsets."""
        self._records.clear()
        self._held_bytes = 0
        self.floors = dict(offsets)

    def add(self, partition: int, offset: int, timestamp_ms: int, value: bytes) -> None:
        """Keep a record, and let go of those that are too many or too old."""
        self.floors.setdefault(partition, offset)
        self._records.append((partition, offset, timestamp_ms, value))
        self._held_bytes += len(value)
        while self._held_bytes > self.most_bytes or self._is_old(timestamp_ms):
            gone_partition, gone_offset, _, gone = self._records.popleft()
            self._held_bytes -= len(gone)
            self.floors[gone_partition] = max(self.floors[gone_partition], gone_offset + 1)

    def holds(self, mark: Mark) -> bool:
        """Say whether all records from a mark on are here, or still to be read."""
        return all(mark.offsets.get(number, 0) >= floor for number, floor in self.floors.items())

    def since(self, mark: Mark) -> list[tuple[int, int, int, bytes]]:
        """Return the records that are not wholly before a mark."""
        return [record for record in self._records if record[1] >= mark.offsets.get(record[0], 0)]

    def _is_old(self, now_ms: int) -> bool:
        return bool(self._records) and now_ms - self._records[0][2] > self.most_ms


@dataclass
class SeenBatches:
    """The identities of the newest batches: a client's second attempt is not shown again."""

    most_count: int = 50_000
    _keys: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    def is_new(self, key: bytes | None) -> bool:
        """Say whether a batch comes for the first time, and remember it."""
        if key is None:
            return True
        if key in self._keys:
            return False
        self._keys[key] = None
        if len(self._keys) > self.most_count:
            self._keys.popitem(last=False)
        return True
