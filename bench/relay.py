"""The gateway's bound: the same server and producer, relaying the same bytes unread."""

import asyncio
import os
from datetime import timedelta
from uuid import uuid4

from starlette.types import Receive, Scope, Send

from libs.common.clock import SystemClock
from libs.common.kafka.connection import connection_options
from libs.common.kafka.producer import KafkaPublisher
from libs.common.runtime import HttpServer, Listen, run_process
from libs.common.settings import KafkaSettings
from libs.common.telemetry.logs import configure_logs

_ANSWER = b'{"accepted":true}'


async def _serve(stop: asyncio.Event) -> None:
    configure_logs("relay", "WARNING")
    publisher = KafkaPublisher(connection_options(KafkaSettings()), SystemClock())
    await publisher.start()
    topic = os.environ["HEADWATER_TELEMETRY_TOPIC"]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        parts = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        await publisher.publish(topic, uuid4().bytes, b"".join(parts))
        headers = [(b"content-length", b"%d" % len(_ANSWER))]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": _ANSWER})

    listen = Listen("127.0.0.1", 0, int(os.environ["HEADWATER_LISTEN_FD"]))
    server = HttpServer(app, listen, timedelta(seconds=5))
    await server.start()
    await stop.wait()
    await server.drain()
    await publisher.stop()


if __name__ == "__main__":
    run_process(_serve)
