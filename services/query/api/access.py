"""Who asks, and may they: the dependencies that every route but the login takes."""

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from libs.common.access_keys import split_key
from libs.common.clock import Clock
from services.query.domain.errors import Forbidden, ForeignOrigin, NotSignedIn
from services.query.settings import QuerySettings
from services.query.store.accounts import AccountStore, Identity, hash_cookie

V1 = "/api/v1"
COOKIE = "headwater_session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_COOKIE_LENGTH = 200


class Access:
    """Finds out who sends a request."""

    def __init__(self, settings: QuerySettings, accounts: AccountStore, clock: Clock) -> None:
        self._settings = settings
        self._accounts = accounts
        self._clock = clock

    async def identify(self, request: Request) -> Identity:
        """Return who asks; raises NotSignedIn, or ForeignOrigin for another site's request.

        A token wins over a cookie. A browser adds cookies by itself, so a change that a cookie
        proves has to come from our own pages.
        """
        header = request.headers.get("authorization")
        if header is not None:
            return await self._by_token(header)
        cookie = request.cookies.get(COOKIE)
        if not cookie or len(cookie) > _MAX_COOKIE_LENGTH:
            raise NotSignedIn("sign in, or send an API token")
        settings = self._settings
        sliding = settings.session_lifetime if settings.session_is_sliding else None
        identity = await self._accounts.by_cookie(hash_cookie(cookie), self._clock.now(), sliding)
        if identity is None:
            raise NotSignedIn("the session has ended")
        if request.method not in _SAFE_METHODS:
            self.check_origin(request, is_required=True)
        return identity

    def check_origin(self, request: Request, *, is_required: bool) -> None:
        """Raise ForeignOrigin unless the request comes from our own pages."""
        site = request.headers.get("sec-fetch-site")
        if site is not None and site not in ("same-origin", "none"):
            raise ForeignOrigin("the request comes from another site")
        origin = request.headers.get("origin")
        if origin is not None:
            if not self._is_own(origin, request):
                raise ForeignOrigin("the request comes from another site")
        elif site is None and is_required:
            raise ForeignOrigin("a change by session needs an Origin header")

    def address(self, request: Request) -> str:
        """Return the client's address for limits; IPv6 by its /64, which is one customer's."""
        text = request.client.host if request.client is not None else ""
        hops = self._settings.trusted_proxy_hops
        if hops:
            forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
            # read from the right: what stands further left was written by whoever asks
            if len(forwarded) >= hops:
                text = forwarded[-hops].strip()
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return "unknown"
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)

    def is_secure(self, request: Request) -> bool:
        """Say whether the cookie is to be marked Secure."""
        public = self._settings.public_origin or ""
        return (
            self._settings.cookie_is_secure
            or request.url.scheme == "https"
            or public.startswith("https://")
        )

    def _is_own(self, origin: str, request: Request) -> bool:
        if self._settings.public_origin is not None:
            return origin == self._settings.public_origin.rstrip("/")
        try:
            # the scheme is left out: a proxy that ends TLS hides it from us
            return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower() != ""
        except ValueError:
            return False

    async def _by_token(self, header: str) -> Identity:
        scheme, _, text = header.partition(" ")
        parts = split_key(text.strip(), "hwt") if scheme.lower() == "bearer" else None
        if parts is None:
            raise NotSignedIn("the API token is not valid")
        identity = await self._accounts.by_token(*parts, self._clock.now())
        if identity is None:
            raise NotSignedIn("the API token is not valid")
        return identity


async def signed_in(request: Request) -> Identity:
    """Return who asks; raises NotSignedIn."""
    access: Access = request.app.state.access
    return await access.identify(request)


async def admin(identity: Annotated[Identity, Depends(signed_in)]) -> Identity:
    """Return who asks; raises Forbidden unless it is an admin."""
    if not identity.is_admin:
        raise Forbidden("only admins may do this")
    return identity


SignedIn = Annotated[Identity, Depends(signed_in)]
Admin = Annotated[Identity, Depends(admin)]
