"""The oracle: compares what was sent and acknowledged with what is stored, to the last event.

`judge` is pure; `read_database` and `judge_offsets` look at the real thing.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from tests.faults.journal import Journal

SHOWN_COUNT = 5
"""Examples named in a violation."""


@dataclass(frozen=True)
class StoredRow:
    """One row of any of the three tables."""

    slice_name: str
    row_id: UUID
    token: str
    content: str


@dataclass(frozen=True)
class LedgerTotals:
    """Both sides of the ledger, over all hours of one key."""

    accepted: int = 0
    unknown: int = 0
    stored: int = 0
    aggregated_only: int = 0
    duplicate: int = 0
    conflict: int = 0
    dead_lettered: int = 0
    uncounted_boots: int = 0
    """Gateway processes that ended without their last flush."""


@dataclass(frozen=True)
class Database:
    """What the database holds when everything has come to rest."""

    rows: list[StoredRow]
    slice_counts: Mapping[str, tuple[int, int]]
    """Rows and checksum by slice, as the writer counted them."""
    ledger: LedgerTotals
    dead_letters: Counter[str] = field(default_factory=Counter)
    """Open letters by reason."""
    slice_flaws: list[str] = field(default_factory=list)
    """Slices that are not what the table `slices` says of them."""


@dataclass(frozen=True)
class Allowance:
    """What a row of the matrix breaks on purpose."""

    lost_batches: Collection[UUID] = ()
    """Batches that an operator's deletion took away."""
    dead_letter_count: int = 0
    foreign_tokens: Mapping[str, str] = field(default_factory=dict)
    """Events put past the gateway, under another key, with their content; all to be stored."""


def judge(journal: Journal, database: Database, allowance: Allowance) -> list[str]:
    """Return every law that does not hold; empty = exactly once."""
    return [
        *_judge_events(journal, database.rows, allowance),
        *_judge_batches(journal, database.rows),
        *_judge_slices(database),
        *_judge_ledger(journal, database, allowance),
    ]


def _judge_events(journal: Journal, rows: list[StoredRow], allowance: Allowance) -> Iterable[str]:
    sent = dict(allowance.foreign_tokens)
    sent.update(
        (token, content) for events in journal.sent.values() for token, content in events if content
    )
    acked = {
        token
        for batch in journal.acked
        if batch not in allowance.lost_batches
        for token, content in journal.sent[batch]
        if content
    }
    acked |= allowance.foreign_tokens.keys()
    counts = Counter(row.token for row in rows)
    yield from _complain("acked but not stored", acked - counts.keys())
    yield from _complain("stored more than once", [t for t, n in counts.items() if n > 1])
    yield from _complain("stored but never sent", counts.keys() - sent.keys())
    yield from _complain(
        "stored with another content",
        [row.token for row in rows if row.token in sent and sent[row.token] != row.content],
    )
    ids = Counter(row.row_id for row in rows)
    yield from _complain("row ids that are not unique", [i for i, n in ids.items() if n > 1])


def _judge_batches(journal: Journal, rows: list[StoredRow]) -> Iterable[str]:
    """A batch is stored whole or not at all, acknowledged or not."""
    stored = {row.token for row in rows}
    torn = []
    for batch, events in journal.sent.items():
        found = [token in stored for token, content in events if content]
        if any(found) and not all(found):
            torn.append(batch)
    yield from _complain("batches stored in part", torn)


def _judge_slices(database: Database) -> Iterable[str]:
    counts: dict[str, int] = defaultdict(int)
    checksums: dict[str, int] = defaultdict(int)
    for row in database.rows:
        counts[row.slice_name] += 1
        checksums[row.slice_name] += row.row_id.int
    real = {name: (count, checksums[name] % (1 << 128)) for name, count in counts.items()}
    counted = {name: pair for name, pair in database.slice_counts.items() if pair[0]}
    yield from _complain(
        "slices whose counted rows or checksum differ from the real ones",
        [
            f"{name}: counted {counted.get(name)}, real {real.get(name)}"
            for name in real.keys() | counted.keys()
            if real.get(name) != counted.get(name)
        ],
    )
    yield from _complain("slices that are not as their state says", database.slice_flaws)


def _judge_ledger(journal: Journal, database: Database, allowance: Allowance) -> Iterable[str]:
    ledger = database.ledger
    lost = sum(len(journal.sent[batch]) for batch in allowance.lost_batches)
    fates = ledger.stored + ledger.aggregated_only + ledger.duplicate + ledger.dead_lettered
    if ledger.accepted > fates + lost:
        yield f"ledger: {ledger.accepted} accepted, but only {fates} have a fate"
    if not ledger.uncounted_boots and fates > ledger.accepted + ledger.unknown:
        yield (
            f"ledger: {fates} events have a fate, but only {ledger.accepted} were accepted "
            f"and {ledger.unknown} are unknown"
        )
    if ledger.stored != len(database.rows) - len(allowance.foreign_tokens):
        yield f"ledger: {ledger.stored} counted as stored, {len(database.rows)} rows are there"
    if ledger.conflict:
        yield f"ledger: {ledger.conflict} conflicts, but every attempt had the same bytes"
    letters = database.dead_letters.total()
    if letters != allowance.dead_letter_count:
        yield (
            f"{letters} dead letters instead of {allowance.dead_letter_count}: "
            f"{dict(database.dead_letters)}"
        )


def judge_offsets(next_offsets: Mapping[int, int], ends: Mapping[int, int]) -> list[str]:
    """Compare the stored offsets with the ends of the partitions, once lag is said to be zero."""
    return list(
        _complain(
            "partitions whose stored offset is not the end",
            [
                f"{partition}: {next_offsets.get(partition)} of {end}"
                for partition, end in ends.items()
                if next_offsets.get(partition, 0) != end
            ],
        )
    )


def _complain(law: str, offenders: Collection[object]) -> Iterable[str]:
    if offenders:
        shown = ", ".join(str(offender) for offender in list(offenders)[:SHOWN_COUNT])
        yield f"{len(offenders)} {law}: {shown}"
