"""Compression beside the event loop instead of on it.

aiokafka builds and compresses what it sends in the middle of its sender. zstd lets go of the
interpreter's lock, so that on a second core it costs the loop next to nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer


def compress_beside(producer: AIOKafkaProducer) -> None:
    """Have the producer's batches built in a thread before they are sent; before it is started.

    A batch that is built stays so, also for attempts to come; nothing is added to it any more.
    """
    sender = producer._sender
    send = sender._send_produce_req

    async def build_and_send(node_id: int, batches: Mapping[Any, Any]) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, _build, tuple(batches.values()))
        await send(node_id, batches)

    sender._send_produce_req = build_and_send


def _build(batches: Iterable[Any]) -> None:
    for batch in batches:
        batch.get_data_buffer()
