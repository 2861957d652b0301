"""The least HTTP/1.1 client that can also break off: one connection, one request at a time."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class BrokenOff(Exception):
    """The connection ended, or stayed silent for too long, before the answer was whole."""


class HttpConnection:
    """Talks to one server on loopback; connects anew after anything went wrong.

    The port is asked for at each request: a change of it reconnects.
    """

    def __init__(self, port: Callable[[], int], timeout_s: float) -> None:
        self._port = port
        self._connected_port = 0
        self._timeout_s = timeout_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """Send a request and return the answer; raises BrokenOff."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send(method, path, headers, body)
                return await self._receive()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            self.close()
            raise BrokenOff(type(error).__name__) from error

    async def send_and_leave(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Post a whole body and close the connection without waiting for the answer."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                await self._send("POST", path, headers, body)
        self.close()

    def close(self) -> None:
        """Reset the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        port = self._port()
        if port != self._connected_port:
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", port)
            self._connected_port = port
        writer = self._streams[1]
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    async def _receive(self) -> Answer:
        if self._streams is None:
            raise ConnectionResetError
        reader = self._streams[0]
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return Answer(status, headers, body)
