"""What is written in one turn of the loop is sent in one piece, and in its order."""

import asyncio
from collections.abc import Iterable

from libs.common.http.joined_writes import JoinedWrites


class Wire(asyncio.Transport):
    """A transport that notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.is_closed = False

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.sent.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.sent.append(b"closed")
        self.is_closed = True


async def test_a_head_and_its_body_are_sent_together() -> None:
    wire = Wire()
    joined = JoinedWrites(wire)
    for number in (b"1", b"2"):
        joined.write(b"head" + number)
        joined.write(b"body" + number)
        await asyncio.sleep(0)
    assert wire.sent == [b"head1body1", b"head2body2"]


async def test_closing_sends_what_waits_first() -> None:
    wire = Wire()
    joined = JoinedWrites(wire)
    joined.write(b"last")
    joined.close()
    joined.write(b"too late")
    await asyncio.sleep(0)
    assert wire.sent == [b"last", b"closed"]


async def test_a_stream_is_held_up_by_its_transport_only() -> None:
    wire = Wire()
    joined = JoinedWrites(wire)
    chunk = b"x" * 40_000
    joined.write(chunk)
    assert wire.sent == []
    joined.write(chunk)
    assert wire.sent == [chunk * 2]
    joined.write(b"rest")
    await asyncio.sleep(0)
    assert wire.sent == [chunk * 2, b"rest"]
