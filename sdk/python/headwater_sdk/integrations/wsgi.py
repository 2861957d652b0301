"""Middleware for WSGI applications: Flask, Django, any other."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from headwater_sdk.client import Client
from headwater_sdk.options import Event
from headwater_sdk.record.contents import route_of
from headwater_sdk.work import TRACE_HEADER, Work, current_work, new_trace_id, read_headers

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_SERVER_ERROR = 500


class HeadwaterWsgiMiddleware:
    """Gives each request a trace id and measures it; what the application raises goes on."""

    def __init__(self, app: App, client: Client) -> None:
        self._app = app
        self._client = client

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        return _Request(self._client, environ).answer(self._app, start_response)


class _Request:
    def __init__(self, client: Client, environ: Environ) -> None:
        self._client = client
        self._environ = environ
        self._status = 0
        given, host = read_headers(
            (name, str(environ[key]).encode("latin-1", "replace"))
            for name, key in (
                (b"x-trace-id", "HTTP_X_TRACE_ID"),
                (b"traceparent", "HTTP_TRACEPARENT"),
                (b"host", "HTTP_HOST"),
            )
            if key in environ
        )
        path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
        self._work = Work(given or new_trace_id(), environ.get("REQUEST_METHOD"), path, host)

    def answer(self, app: App, start_response: StartResponse) -> Iterator[bytes]:
        """Run the application and hand on what it answers, piece by piece."""

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            self._status = int(status[:3]) if status[:3].isdecimal() else 0
            kept = [one for one in headers if one[0].lower() != TRACE_HEADER.lower()]
            return start_response(status, [*kept, (TRACE_HEADER, self._work.trace_id)], *more)

        clock = self._client.clock
        began = clock.monotonic()
        token = current_work.set(self._work)
        try:
            pieces = app(self._environ, start)
            try:
                for piece in pieces:  # noqa: UP028 - `yield from` would close them too
                    yield piece
            finally:
                close = getattr(pieces, "close", None)
                if close is not None:
                    close()
        except Exception as error:
            self._status = self._status or _SERVER_ERROR
            self._client.capture_exception(error, status_code=self._status)
            raise
        finally:
            took_s = clock.monotonic() - began
            self._client.safely(lambda: self._sample(took_s))
            current_work.reset(token)

    def _sample(self, took_s: float) -> None:
        event: Event = {
            "kind": "request",
            "request_method": self._work.method,
            "request_path": route_of(self._work.path or "/"),
            "extra_data": {},
        }
        if self._status:
            event["status_code"] = self._status
        self._client.capture_sample(event, self._work, took_s)
