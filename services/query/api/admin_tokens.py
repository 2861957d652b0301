"""`/admin/api-tokens`: programs that read, with the rights of a user."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from services.query.api.access import V1, Admin
from services.query.api.documents import Answer, Document, KeyId, Moment, Name, read_row
from services.query.store.api_tokens import ApiTokenStore


class NewTokenBody(Document):
    """What an API token is made of."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "user_id": "019ab0f2-9a7b-7c3d-8e4f-5a6b7c8d9e0f",
                "name": "nightly report",
                "expires_at": "2027-01-01T00:00:00Z",
            }
        },
    )

    user_id: UUID
    name: Name
    expires_at: Moment | None = Field(None, description="null = never")


class Token(Answer):
    """An API token without its secret."""

    id: str
    name: str
    user_id: UUID
    user_email: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewToken(Token):
    """A token at the one moment when its secret is shown."""

    token: str = Field(description="The whole token; it is never shown again")


class TokenList(Answer):
    """All tokens, newest first."""

    items: list[Token]
    next_cursor: None = None
    prev_cursor: None = None


@dataclass(frozen=True)
class TokenRoutes:
    """The routes and what they need."""

    tokens: ApiTokenStore

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=f"{V1}/admin/api-tokens", tags=["admin: API tokens"])
        router.get("", summary="List API tokens")(self.list)
        router.post("", status_code=201, summary="Make an API token")(self.create)
        router.delete("/{token_id}", status_code=204, summary="Revoke an API token")(self.revoke)
        return router

    async def list(self, _: Admin) -> TokenList:
        """List all tokens, revoked ones too, without their secrets."""
        return TokenList(items=[read_row(Token, row) for row in await self.tokens.all()])

    async def create(self, body: NewTokenBody, who: Admin) -> NewToken:
        """Make a token with the rights of a user."""
        row, secret = await self.tokens.create(body.user_id, body.name, body.expires_at, who.email)
        return read_row(NewToken, row, token=secret.text)

    async def revoke(self, token_id: KeyId, who: Admin) -> Response:
        """End a token at once."""
        await self.tokens.revoke(token_id, who.email)
        return Response(status_code=204)
