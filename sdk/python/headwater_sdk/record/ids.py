"""Ids of events and batches; from the system's generator, so that forked processes never agree."""

import os
from uuid import UUID, uuid5

_RANDOM_BYTES = 10


def uuid7(milliseconds: int) -> str:
    """Return a UUIDv7 of a moment (RFC 9562)."""
    noise = int.from_bytes(os.urandom(_RANDOM_BYTES), "big")
    high = (milliseconds & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | noise >> 68 & 0x0FFF
    low = 0x8000_0000_0000_0000 | noise & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def part_id(batch_id: str, part: int) -> str:
    """Return the id of a part of a batch, the same whenever that batch is divided again."""
    return str(uuid5(UUID(batch_id), f"part {part}"))
