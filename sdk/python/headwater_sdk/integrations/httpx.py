"""Transports of httpx that pass the trace on, to hosts that may have it."""

import httpx

from headwater_sdk.client import Client
from headwater_sdk.work import TRACE_HEADER, Work, current_work, traceparent_of


class TraceTransport(httpx.BaseTransport):
    """Adds the trace id to requests of an `httpx.Client(transport=...)`."""

    def __init__(self, client: Client, transport: httpx.BaseTransport | None = None) -> None:
        self._hosts = client.settings.propagate_to
        self._transport = transport or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        return self._transport.handle_request(with_trace(request, self._hosts))

    def close(self) -> None:
        """Close the transport below."""
        self._transport.close()


class AsyncTraceTransport(httpx.AsyncBaseTransport):
    """Adds the trace id to requests of an `httpx.AsyncClient(transport=...)`."""

    def __init__(self, client: Client, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._hosts = client.settings.propagate_to
        self._transport = transport or httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        return await self._transport.handle_async_request(with_trace(request, self._hosts))

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._transport.aclose()


def with_trace(request: httpx.Request, hosts: tuple[str, ...]) -> httpx.Request:
    """Return the request with the trace of the work at hand, itself where there is nothing to add.

    It goes to the host that the work's own request came to, and to those on the list. The caller's
    request stays as it is: on a redirect httpx would send its headers on to whatever host.
    """
    work = current_work.get()
    if work is None or work.trace_id is None or TRACE_HEADER in request.headers:
        return request
    if not _may_have_it(request.url, work, hosts):
        return request
    headers = request.headers.copy()
    headers[TRACE_HEADER] = work.trace_id
    parent = traceparent_of(work.trace_id)
    if parent is not None and "traceparent" not in headers:
        headers["traceparent"] = parent
    return httpx.Request(
        request.method,
        request.url,
        headers=headers,
        stream=request.stream,
        extensions=request.extensions,
    )


def _may_have_it(url: httpx.URL, work: Work, hosts: tuple[str, ...]) -> bool:
    host = url.host.lower()
    address = url.netloc.decode("ascii").lower()
    if work.host is not None and work.host.lower() == address:
        return True
    return any(
        host.endswith(one.lower()) if one.startswith(".") else one.lower() in {host, address}
        for one in hosts
    )
