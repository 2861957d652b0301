"""`/auth`: signing in and out, and who one is."""

import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from libs.common.access_names import PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH
from libs.common.clock import Clock
from services.query.api.access import COOKIE, V1, Access, SignedIn
from services.query.api.documents import Document
from services.query.api.login_gate import LoginGate, PasswordHashing
from services.query.domain.errors import InvalidCredentials
from services.query.domain.scope import Role
from services.query.settings import QuerySettings
from services.query.store.accounts import AccountStore, Identity, hash_cookie

_COOKIE_BYTES = 32

NewPassword = Annotated[str, Field(min_length=PASSWORD_MIN_LENGTH, max_length=PASSWORD_MAX_LENGTH)]


class LoginBody(Document):
    """What a login sends."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"email": "admin@example.com", "password": "correct horse battery staple"}
        },
    )

    email: str
    password: str = Field(repr=False)


class PasswordBody(Document):
    """A change of the own password."""

    current_password: str = Field(repr=False)
    new_password: NewPassword = Field(repr=False)


class Me(BaseModel):
    """Who is signed in, and what that person may see."""

    id: str
    email: str
    role: Role
    subjects: list[tuple[str, str]] | None = Field(
        description="Pairs of application and user id whose rows are visible; null = all rows"
    )


def describe(identity: Identity) -> Me:
    """Return what the API tells about somebody."""
    subjects = identity.scope.subjects
    return Me(
        id=str(identity.user_id),
        email=identity.email,
        role="admin" if identity.is_admin else "user",
        subjects=None if subjects is None else list(subjects),
    )


@dataclass(frozen=True)
class AuthRoutes:
    """The routes and what they need."""

    settings: QuerySettings
    access: Access
    accounts: AccountStore
    gate: LoginGate
    hashing: PasswordHashing
    clock: Clock

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=f"{V1}/auth", tags=["auth"])
        router.post("/login", summary="Sign in")(self.login)
        router.post("/logout", status_code=204, summary="Sign out")(self.logout)
        router.get("/me", summary="Who am I")(self.me)
        router.post("/password", status_code=204, summary="Change the own password")(
            self.change_password
        )
        return router

    async def login(self, body: LoginBody, request: Request, response: Response) -> Me:
        """Open a session and set its cookie."""
        self.access.check_origin(request, is_required=False)
        address = self.access.address(request)
        credentials = await self.gate.check(body.email, body.password, address)
        cookie = secrets.token_urlsafe(_COOKIE_BYTES)
        identity = await self.accounts.open_session(
            credentials.user_id,
            hash_cookie(cookie),
            self.clock.now() + self.settings.session_lifetime,
            request.headers.get("user-agent", "")[:200] or None,
        )
        if identity is None:
            raise InvalidCredentials("e-mail or password is wrong")
        # a sliding session has no fixed end that the browser could be told
        lifetime_s = int(self.settings.session_lifetime.total_seconds())
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=None if self.settings.session_is_sliding else lifetime_s,
            path="/",
            secure=self.access.is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return describe(identity)

    async def logout(self, identity: SignedIn, request: Request) -> Response:
        """Revoke the session; an API token stays as it is."""
        if identity.session_hash is not None:
            await self.accounts.close_session(identity)
        response = Response(status_code=204)
        response.delete_cookie(
            COOKIE,
            path="/",
            secure=self.access.is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return response

    async def me(self, identity: SignedIn) -> Me:
        """Tell who sends the request."""
        return describe(identity)

    async def change_password(
        self, body: PasswordBody, identity: SignedIn, request: Request
    ) -> Response:
        """Change the password; all sessions end, this one too."""
        await self.gate.check(identity.email, body.current_password, self.access.address(request))
        await self.accounts.set_password(identity, await self.hashing.hash(body.new_password))
        return Response(status_code=204)
