"""One system call for what is written within one turn of the event loop."""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_BYTES = 64 * 1024
"""More than this is sent at once: uvloop says only of what it has that a sender has to wait."""


class JoinedWrites:
    """A transport that waits with what is written until the loop has come round once.

    uvicorn writes an answer's head and its body apart, and uvloop sends each at once: two packets,
    and a client that wakes up twice.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._call_soon = asyncio.get_running_loop().call_soon
        self._parts: list[bytes] = []
        self._waiting_bytes = 0
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Send the bytes soon, behind those before them."""
        if not self._parts:
            self._call_soon(self._flush)
        self._parts.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > _MOST_BYTES:
            self._flush()

    def close(self) -> None:
        """Close once everything written is sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts = self._parts
        if parts:
            self._parts = []
            self._waiting_bytes = 0
            if not self.is_closing():
                self._transport.writelines(parts)


class JoiningProtocol(HttpToolsProtocol):
    """uvicorn's HTTP over such a transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection."""
        joined = JoinedWrites(cast(asyncio.Transport, transport))
        super().connection_made(cast(asyncio.Transport, joined))
