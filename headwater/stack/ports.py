"""Free TCP ports on loopback, picked once and remembered."""

import asyncio
import json
import random
import socket
from pathlib import Path

from headwater.stack.errors import StackError

# Below the range from which the kernel gives ports to outgoing connections (32768 and up on
# Linux): a connection cannot sit on the port of a server that is down for a moment.
PORT_RANGE = range(20_000, 32_000)
ATTEMPT_COUNT = 200


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: ports in TIME_WAIT count as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def accepts_connections(port: int) -> bool:
    """Say whether a server on loopback takes a connection within a second."""
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


class PortBook:
    """The ports of one home, kept in a JSON file: name to port."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, name: str) -> int:
        """Return the remembered port if it is still free, otherwise a new one that is."""
        ports = self._read()
        remembered = ports.get(name)
        if remembered is not None and is_free(remembered):
            return remembered
        ports[name] = self._pick(set(ports.values()))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(ports, indent=2, sort_keys=True))
        fresh.replace(self.path)
        return ports[name]

    def _read(self) -> dict[str, int]:
        if not self.path.exists():
            return {}
        ports: dict[str, int] = json.loads(self.path.read_text())
        return ports

    @staticmethod
    def _pick(taken: set[int]) -> int:
        chance = random.SystemRandom()
        for _ in range(ATTEMPT_COUNT):
            port = chance.choice(PORT_RANGE)
            if port not in taken and is_free(port):
                return port
        raise StackError(
            f"no free port between {PORT_RANGE.start} and {PORT_RANGE.stop}: stop other servers"
        )
