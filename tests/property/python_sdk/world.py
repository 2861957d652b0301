"""A world for the SDK without threads and network: a clock that is moved, a gateway by script."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater_sdk.options import Options, read_options
from headwater_sdk.stats import Stats
from headwater_sdk.transport.intake import Captured
from headwater_sdk.transport.pipeline import Pipeline
from headwater_sdk.transport.post import Answer

START = 1_795_000_000.0


class MovedClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return START + self.seconds

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class ScriptedGateway:
    """Takes batches as the real one does, or fails in the way that is asked for."""

    most_events: int = 1_000
    script: list[str] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    stored: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)
    """The ids of the batches that are stored."""
    attempt_count: int = 0

    def reset(self) -> None:
        """There is no connection to forget."""

    def close(self) -> None:
        """There is none to close either."""

    def __call__(self, body: bytes, within_s: float | None = None) -> Answer:
        self.attempt_count += 1
        fate = self.script.pop(0) if self.script else "202"
        document = json.loads(body)
        batch_id = document["batch_id"]
        assert self.bodies.setdefault(batch_id, body) == body, "a batch changed its bytes"
        match fate:
            case "timeout":
                return Answer(0)
            case "503" | "500" | "401":
                return Answer(int(fate))
            case "429":
                return Answer(429, wait_s=7.0)
        if len(document["events"]) > self.most_events:
            return Answer(413)
        names = [event["message"] for event in document["events"]]
        # what it refuses, it refuses by its content: never a batch that it took before
        if fate == "422" and batch_id not in self.taken:
            self.refused.update(names)
            return Answer(422)
        if batch_id not in self.taken:
            self.taken.add(batch_id)
            self.stored.update(names)
        return Answer(0) if fate == "lost answer" else Answer(202)


class Process:
    """The SDK inside of one life of an application."""

    def __init__(
        self, clock: MovedClock, gateway: ScriptedGateway, spool: Path | None, **options: Any
    ) -> None:
        given: Options = {"spool": spool, **options}  # type: ignore[typeddict-item]
        self.clock = clock
        self.gateway = gateway
        self.stats = Stats()
        self.settings = read_options("http://gateway.test", "hw_a_b", given)
        self.pipeline = Pipeline(self.settings, self.stats, clock, gateway)
        self.names: list[str] = []

    def log(self, name: str, level: str = "INFO") -> None:
        """Log one message."""
        self.names.append(name)
        content = {"kind": "log", "level": level, "message": name, "extra_data": {}}
        self.pipeline.put(Captured(self.clock.now(), content, 100))

    def collect(self) -> None:
        """Let the collector work."""
        self.pipeline.collector.turn()

    def send(self) -> float | None:
        """Let the sender make an attempt, if one is due."""
        return self.pipeline.sender.turn()

    def crash(self) -> None:
        """End without a word: memory is lost, the locks are free."""
        self.pipeline.forked()

    def holds_identity(self) -> bool:
        """Say whether every captured event is somewhere."""
        now = self.stats.now()
        parts = ("sent", "stored", "queued", "dropped", "deduped", "sampled")
        return bool(
            now["captured"] == sum(now[part] for part in parts)
            and all(now[part] >= 0 for part in parts)
            and now["dropped"] == sum(now["drops"].values())
        )


def spooled(folder: Path) -> Iterator[str]:
    """Return the messages that lie in a spool."""
    for path in folder.rglob("*.json"):
        for event in json.loads(path.read_bytes())["events"]:
            yield event["message"]
