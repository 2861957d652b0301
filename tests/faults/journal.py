"""The append-only ledger of a run: what was sent, and what the gateway said it had accepted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

import msgspec

from tests.faults.events import SentBatch


class SentLine(msgspec.Struct):
    """Written before the first attempt of a batch."""

    batch: UUID
    events: list[tuple[str, str]]
    """Token and content hash of each event."""


class AckedLine(msgspec.Struct):
    """Written after a 2xx."""

    batch: UUID
    partition: int | None
    offset: int | None


@dataclass(frozen=True)
class Journal:
    """What a run sent and got acknowledged, read back from its files."""

    sent: dict[UUID, list[tuple[str, str]]]
    acked: dict[UUID, AckedLine]


class JournalWriter:
    """Appends lines to two files in a folder; each line is with the kernel before it returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._sent = (folder / "sent.jsonl").open("ab", buffering=0)
        self._acked = (folder / "acked.jsonl").open("ab", buffering=0)
        self.sent_count = 0
        self.acked_count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sent.close()
        self._acked.close()

    def sending(self, batch: SentBatch) -> None:
        """Say that a batch is about to be posted for the first time."""
        line = SentLine(batch.batch_id, [(e.token, e.content) for e in batch.events])
        self._sent.write(msgspec.json.encode(line) + b"\n")
        self.sent_count += 1

    def acked(self, line: AckedLine) -> None:
        """Say that the gateway answered 2xx."""
        self._acked.write(msgspec.json.encode(line) + b"\n")
        self.acked_count += 1

    def read(self) -> Journal:
        """Read both files back."""
        return read_journal(self._folder)


def read_journal(folder: Path) -> Journal:
    """Read a journal from its folder."""
    sent_decoder = msgspec.json.Decoder(SentLine)
    acked_decoder = msgspec.json.Decoder(AckedLine)
    sent_lines = sent_decoder.decode_lines((folder / "sent.jsonl").read_bytes())
    acked_lines = acked_decoder.decode_lines((folder / "acked.jsonl").read_bytes())
    return Journal(
        {line.batch: line.events for line in sent_lines},
        {line.batch: line for line in acked_lines},
    )
