"""The proof that all parts work together: an event posted to the gateway is read back."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import httpx

from headwater.stack.errors import StackError

DEADLINE = timedelta(seconds=30)
REQUEST_DEADLINE = timedelta(seconds=10)


@dataclass(frozen=True)
class Route:
    """Where an event goes in and where it comes out."""

    ingest_url: str
    ingest_key: str = field(repr=False)
    console_url: str
    api_token: str = field(repr=False)


async def check_route(route: Route) -> timedelta:
    """Post one event, and return how long it took until the query API showed it.

    Raises StackError where it is not taken, or not shown in time.
    """
    trace_id = uuid4().hex
    event = {
        "kind": "log",
        "level": "INFO",
        "source": "headwater",
        "message": "Headwater is up",
        "trace_id": trace_id,
    }
    batch = {"batch_id": str(uuid4()), "events": [event]}
    began = time.monotonic()
    async with httpx.AsyncClient(timeout=REQUEST_DEADLINE.total_seconds()) as client:
        try:
            posted = await client.post(
                route.ingest_url,
                json=batch,
                headers={"Authorization": f"Bearer {route.ingest_key}"},
            )
            if posted.status_code != httpx.codes.ACCEPTED:
                raise StackError(f"the gateway answered {posted.status_code}: {posted.text[:300]}")
            while not await _is_shown(client, route, trace_id):
                if time.monotonic() - began > DEADLINE.total_seconds():
                    raise StackError(f"the posted event was not to be read within {DEADLINE}")
                await asyncio.sleep(0.05)
        except httpx.HTTPError as error:
            raise StackError(f"no answer while checking: {error!r}") from error
    return timedelta(seconds=time.monotonic() - began)


async def _is_shown(client: httpx.AsyncClient, route: Route, trace_id: str) -> bool:
    answer = await client.get(
        f"{route.console_url}/api/v1/logging/logs",
        params={"trace_id": trace_id},
        headers={"Authorization": f"Bearer {route.api_token}"},
    )
    if answer.status_code != httpx.codes.OK:
        raise StackError(f"the query API answered {answer.status_code}: {answer.text[:300]}")
    return bool(answer.json()["items"])
