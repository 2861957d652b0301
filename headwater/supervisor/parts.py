"""What the supervisor looks after: anything that can be started, asked and stopped."""

from typing import Protocol


class Part(Protocol):
    """One process; Kafka nodes and PostgreSQL are parts as they are."""

    @property
    def name(self) -> str:
        """Name of the process in state, logs and messages."""
        ...

    @property
    def pid(self) -> int | None:
        """Its pid while it runs."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        ...

    async def start(self) -> None:
        """Start it and wait until it is ready; raises StackError when it does not become so."""
        ...

    async def is_ready(self) -> bool:
        """Whether it can do its work now; answers within a few seconds."""
        ...

    async def stop(self) -> bool:
        """End it, by force after a deadline; True if it ended by itself."""
        ...

    async def kill(self) -> None:
        """End it at once."""
        ...
