"""Sends an application's logs, exceptions and durations to Headwater, and loses none.

Importing it does nothing. `init` gives a client; what it captures is redacted, batched and sent by
threads of its own.
"""

from headwater_sdk.client import Client
from headwater_sdk.integrations.asgi import HeadwaterMiddleware
from headwater_sdk.integrations.handler import HeadwaterHandler
from headwater_sdk.integrations.hooks import watch_loop
from headwater_sdk.integrations.httpx import AsyncTraceTransport, TraceTransport
from headwater_sdk.integrations.structlog import HeadwaterProcessor
from headwater_sdk.integrations.wsgi import HeadwaterWsgiMiddleware
from headwater_sdk.lifetime import init
from headwater_sdk.options import Options, Problem
from headwater_sdk.redaction import RedactOptions
from headwater_sdk.work import current_trace_id, new_trace_id, set_trace, set_user

__all__ = [
    "init",
    "Client",
    "Options",
    "Problem",
    "RedactOptions",
    "HeadwaterHandler",
    "HeadwaterProcessor",
    "HeadwaterMiddleware",
    "HeadwaterWsgiMiddleware",
    "TraceTransport",
    "AsyncTraceTransport",
    "watch_loop",
    "current_trace_id",
    "new_trace_id",
    "set_trace",
    "set_user",
]
