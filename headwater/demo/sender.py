"""Posts batches as any client should: the same body again until the gateway has it."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import httpx

from headwater.demo.errors import DemoFailed
from headwater.invocation import own_command

_ATTEMPTS = 20
_LONGEST_WAIT_S = 30


@dataclass
class Outcome:
    """What the gateway said of all batches so far."""

    accepted_count: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def send(
    batches: Iterable[tuple[int, bytes]], ingest_url: str, ingest_key: str, outcome: Outcome
) -> Iterator[int]:
    """Post each batch and yield its number of events; raises DemoFailed."""
    headers = {
        "authorization": f"Bearer {ingest_key}",
        "content-type": "application/json",
        "content-encoding": "gzip",
    }
    with httpx.Client(headers=headers, timeout=30) as client:
        for event_count, body in batches:
            answer = _post(client, ingest_url, body).json()
            outcome.accepted_count += answer["accepted"]
            outcome.rejected.update(one["reason"] for one in answer["rejected"])
            yield event_count


def _post(client: httpx.Client, url: str, body: bytes) -> httpx.Response:
    for attempt in range(_ATTEMPTS):
        wait_s = min(0.2 * 2**attempt, 5.0)
        try:
            answer = client.post(url, content=body)
        except httpx.TransportError:
            time.sleep(wait_s)
            continue
        if answer.status_code == 202:
            return answer
        if answer.status_code not in (429, 503):
            raise DemoFailed(f"the gateway answered {answer.status_code}: {answer.text[:200]}")
        after = answer.headers.get("retry-after", "")
        time.sleep(min(float(after), _LONGEST_WAIT_S) if after.isdigit() else wait_s)
    raise DemoFailed(f"the gateway cannot be reached; `{own_command()} status` tells more")
