"""HTTP answers that are streamed, read as cheaply as can be: the reader shares the machine."""

import asyncio
import json
from collections.abc import Callable
from typing import cast

Take = Callable[[bytes], None]


class _Reading(asyncio.Protocol):
    def __init__(self, request: bytes, take: Take) -> None:
        self._request = request
        self._take = take
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


async def stream(
    port: int, line: str, token: str, take: Take, body: object = None
) -> asyncio.Future[None]:
    """Send a request (`GET /path`) on a connection of its own; `take` gets all bytes that come.

    Returns what is done once the server has closed the connection; cancelling it closes ours.
    """
    content = b"" if body is None else json.dumps(body).encode()
    request = (
        f"{line} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
        f"authorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    ).encode() + content
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(
        lambda: _Reading(request, take), "127.0.0.1", port
    )
    protocol.ended.add_done_callback(lambda _: transport.close())
    return protocol.ended
