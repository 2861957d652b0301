"""`/logs/tail`: events as they are accepted, as server-sent events."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from libs.common.clock import Clock
from services.query.api.access import V1, Access, SignedIn
from services.query.api.log_parameters import FILTER_PARAMETERS, TAIL_PARAMETERS, split_parameters
from services.query.api.plain_route import PlainRoute
from services.query.api.streams import ClosingStream
from services.query.domain.conditions import AllOf, within
from services.query.domain.errors import InvalidParameter, NotSignedIn, TailUnavailable
from services.query.domain.tail import DEFAULT_KINDS, KINDS, TailAsk, Watcher, frame
from services.query.domain.tail_marks import decode_mark
from services.query.settings import QuerySettings
from services.query.store.accounts import Identity

_RETRY_MS = 2_000


class Watching(Protocol):
    """One open tail."""

    watcher: Watcher
    is_over: bool

    async def next(self, wait: timedelta) -> bytes:
        """Return what is to be sent; nothing after waiting in vain."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class Tail(Protocol):
    """Opens tails."""

    async def watch(self, ask: TailAsk) -> Watching:
        """Begin to watch; raises TailUnavailable."""
        ...


@dataclass(frozen=True)
class TailRoutes:
    """The route and what it needs."""

    tail: Tail | None
    """None where no Kafka is at hand."""
    access: Access
    clock: Clock
    settings: QuerySettings

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(prefix=f"{V1}/logging", tags=["logs"], route_class=PlainRoute)
        router.get(
            "/logs/tail",
            summary="Watch events as they are accepted",
            response_class=StreamingResponse,
            responses={
                200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
            },
            openapi_extra={"parameters": [*FILTER_PARAMETERS, *TAIL_PARAMETERS]},
        )(self.watch)
        return router

    async def watch(self, request: Request, identity: SignedIn) -> Response:
        """Send events as they come, those that match, each as an SSE message of type `event`.

        Takes the filters of the search but bounds of time. Other messages: `heartbeat`; `skipped`
        with the `count` of events that a slow reader lost; `gap` with `from` and `to`, where one
        came back too late and is to ask the search for the rest; `end` with a `reason`. Every `id`
        is a place to come back to within a minute, as `Last-Event-ID`.
        """
        ask = tail_ask(request, identity)
        if self.tail is None:
            raise TailUnavailable("no Kafka is at hand")
        watching = await self.tail.watch(ask)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        # who comes back and leaves again has seen nothing new: not even of a gap
        opened = frame("open", b"{}", ask.mark or watching.watcher.mark)
        frames = self._frames(watching, opened, request, identity)
        return ClosingStream(frames, watching.close, "text/event-stream", headers)

    async def _frames(
        self, watching: Watching, opened: bytes, request: Request, identity: Identity
    ) -> AsyncGenerator[bytes, None]:
        checked_at = self.clock.monotonic()
        settings = self.settings
        yield f"retry: {_RETRY_MS}\n".encode() + opened
        while True:
            made = await watching.next(settings.tail_heartbeat)
            mark = watching.watcher.mark  # before anything else comes, and waits to be sent
            if self.clock.monotonic() - checked_at >= settings.tail_recheck.total_seconds():
                if not await self._may_go_on(request, identity):
                    yield _end("signed_out")
                    return
                checked_at = self.clock.monotonic()
            if made:
                yield made
            elif watching.is_over:
                yield _end("restart")
                return
            else:
                yield frame("heartbeat", _encode({"at": self.clock.now()}), mark)

    async def _may_go_on(self, request: Request, identity: Identity) -> bool:
        try:
            return (await self.access.identify(request)).scope == identity.scope
        except NotSignedIn:
            return False


def tail_ask(request: Request, identity: Identity) -> TailAsk:
    """Read what is to be watched; raises InvalidParameter."""
    own, filters = split_parameters(request, {"kind": len(KINDS), "last_event_id": 1})
    if filters.since is not None or filters.until is not None:
        raise InvalidParameter("from", "the tail shows what comes: no bounds of time")
    unknown = set(own["kind"]) - set(KINDS)
    if unknown:
        raise InvalidParameter("kind", f"must be one of {', '.join(KINDS)}")
    texts = own["last_event_id"]
    text = request.headers.get("last-event-id") or (texts[0] if texts else "")
    return TailAsk(
        AllOf((within(identity.scope), filters.condition())),
        frozenset(own["kind"] or DEFAULT_KINDS),
        decode_mark(text) if text else None,
    )


def _encode(document: object) -> bytes:
    return msgspec.json.encode(document)


def _end(reason: str) -> bytes:
    return frame("end", _encode({"reason": reason}), None)
