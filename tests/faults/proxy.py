"""A TCP proxy on loopback that stands in for a broken network.

Where a packet filter is not permitted, silence (dropped packets), resets and eaten answers are made
here. What it cannot do: lose single packets, or let the kernels at both ends notice the silence by
their own keepalives, for each end talks to the proxy's kernel, which is well.
"""

import asyncio
import contextlib
import random
import socket
from dataclasses import dataclass, field


@dataclass(eq=False)
class _Link:
    """One connection: client side, server side."""

    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    flows: asyncio.Event = field(default_factory=asyncio.Event)
    is_eaten: bool = False

    def reset(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Forwards to one port on loopback. Broken and healed from the outside."""

    def __init__(self, target_port: int, listener: socket.socket | None = None) -> None:
        self._target_port = target_port
        self._listener = listener or open_loopback_port()
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._silent = False
        self._refusing = False
        self._chance = random.Random(target_port)
        self.eaten_share = 0.0
        """Share of the server's answers that never reach the client."""

    @property
    def port(self) -> int:
        """Return the port that clients connect to."""
        return int(self._listener.getsockname()[1])

    async def start(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._serve, sock=self._listener)

    async def stop(self) -> None:
        """Reset what there is and close the port."""
        self.reset_all()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def silence(self) -> None:
        """Forward nothing any more, on old connections and new ones."""
        self._silent = True
        self.silence_established()

    def silence_established(self) -> None:
        """Forward nothing on the connections that there are; new ones work."""
        for link in self._links:
            link.flows.clear()

    def refuse(self) -> None:
        """Reset every connection, and new ones as soon as they come."""
        self._refusing = True
        self.reset_all()

    def heal(self) -> None:
        """Forward everything again; what was held back goes out now."""
        self._silent = self._refusing = False
        self.eaten_share = 0.0
        for link in self._links:
            link.flows.set()

    def reset_all(self) -> None:
        """Reset the connections that there are."""
        for link in tuple(self._links):
            link.flows.set()
            link.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link([writer])
        if self._refusing:
            link.reset()
            return
        if not self._silent:
            link.flows.set()
        self._links.add(link)
        try:
            await link.flows.wait()
            upstream_reader, upstream_writer = await asyncio.open_connection(
                "127.0.0.1", self._target_port
            )
            link.writers.append(upstream_writer)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(link, reader, upstream_writer))
                pumps.create_task(self._pump(link, upstream_reader, writer, answers=True))
        except* OSError:
            pass  # Either side went away: so does the other, below.
        finally:
            self._links.discard(link)
            link.reset()

    async def _pump(
        self,
        link: _Link,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        answers: bool = False,
    ) -> None:
        while data := await reader.read(256 * 1024):
            await link.flows.wait()
            if answers and self.eaten_share and self._chance.random() < self.eaten_share:
                link.is_eaten = True
            if answers and link.is_eaten:
                continue
            if writer.transport.is_closing():
                return
            writer.write(data)
            await writer.drain()
        await link.flows.wait()
        with contextlib.suppress(OSError):
            writer.close()


def open_loopback_port(port: int = 0) -> socket.socket:
    """Open a listening socket on loopback."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(2048)
    return listener
