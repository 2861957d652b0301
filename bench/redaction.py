"""Redaction against the untyped decode of the same bytes."""

import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from bench.events import make_bodies
from bench.figures import Figure
from libs.common.redaction import Redactor, load_rules

_BATCH_SIZE = 100
_BODIES = 30
_SECRETS: tuple[dict[str, Any], ...] = (
    {"password": "hunter2-hunter2", "cart": 3},
    {"card": "4111 1111 1111 1111", "cart": 3},
    {"headers": {"authorization": "Bearer abcdefghijklmnop.qrstuv"}, "cart": 3},
    {"user": {"profile": {"api_key": "k-81723"}}, "cart": 3},
    {"link": "https://ann:secret@example.org/x?token=abc", "cart": 3},
)


class _Batch(msgspec.Struct):
    events: list[msgspec.Raw]


def measure(*, rounds: int) -> list[Figure]:
    """Measure clean bodies, and bodies in which every event holds a secret."""
    redactor = Redactor(load_rules())
    figures = []
    for name, must, goal in (("clean", 1.0, 0.5), ("dirty", 5.0, 4.0)):
        bodies = _bodies(dirty=name == "dirty")
        batches = [msgspec.json.decode(body, type=_Batch).events for body in bodies]
        event_count = len(bodies) * _BATCH_SIZE

        def decode(bodies: list[bytes] = bodies) -> None:
            for body in bodies:
                msgspec.json.decode(body)

        def redact(batches: list[list[msgspec.Raw]] = batches) -> None:
            for events in batches:
                hits: Counter[str] = Counter()
                result = redactor.redact_raw(events, hits)
                if result.odd:
                    odd = [msgspec.json.decode(events[position]) for position in result.odd]
                    redactor.redact_events(odd, hits)

        times: dict[str, list[float]] = {"decode": [], "redact": []}
        for _ in range(rounds * 5 + 1):
            times["decode"].append(_cpu_of(decode))
            times["redact"].append(_cpu_of(redact))
        bound, cost = (statistics.median(one[1:]) / event_count * 1e6 for one in times.values())
        figures.append(
            Figure(
                "redaction",
                f"{name} bodies, cost over an untyped decode",
                cost / bound,
                "x",
                must,
                goal,
                more_is_better=False,
                note=f"{cost:.2f} us an event; decode {bound:.2f} us",
            )
        )
    return figures


def _bodies(*, dirty: bool) -> list[bytes]:
    bodies = []
    for body in make_bodies(_BODIES * _BATCH_SIZE, _BATCH_SIZE, seed=5):
        batch = msgspec.json.decode(body)
        for position, event in enumerate(batch["events"]):
            event["extra_data"] = (
                _SECRETS[position % len(_SECRETS)] if dirty else {"tenant": "t7", "cart": 3}
            )
        bodies.append(msgspec.json.encode(batch))
    return bodies


def _cpu_of(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
