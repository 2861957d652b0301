"""`/admin/ingest-keys`: who may post events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, StringConstraints

from libs.common import access_names
from libs.common.clock import Clock
from libs.common.db.accounts import NewIngestKey
from services.query.api.access import V1, Admin
from services.query.api.documents import Document, IfMatch, KeyId, Name, Versioned, versioned
from services.query.store.ingest_keys import IngestKeyStore

Origin = Annotated[
    str,
    StringConstraints(
        max_length=access_names.ORIGIN_MAX_LENGTH, to_lower=True, pattern=access_names.ORIGIN
    ),
]
EventsPerMinute = Annotated[int, Field(ge=1, le=100_000_000)]
Origins = Annotated[list[Origin], Field(max_length=100)]

_EXAMPLE: dict[str, Any] = {
    "application": "shop",
    "name": "shop's web pages",
    "kind": "browser",
    "origins": ["https://shop.example.com"],
}


class NewKeyBody(Document):
    """What an ingest key is made of."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    application: Name = Field(description="Stored with every event that the key posts")
    name: Name
    kind: Literal["browser", "server"] = Field(
        description="`browser`: public by nature, origins required; `server`: kept secret"
    )
    origins: Origins = Field(default_factory=list)
    may_backfill: bool = Field(False, description="May post events older than seven days")
    events_per_minute: EventsPerMinute | None = Field(
        None, description="null = the default of the kind"
    )


class KeyChangesBody(Document):
    """What changes; fields that are not sent stay."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"is_enabled": False}})

    name: Name = ""
    origins: Origins = Field(default_factory=list)
    may_backfill: bool = False
    events_per_minute: EventsPerMinute | None = None
    is_enabled: bool = True


class Key(Versioned):
    """An ingest key without its secret."""

    id: str
    application: str
    name: str
    kind: Literal["browser", "server"]
    origins: list[str]
    may_backfill: bool
    events_per_minute: int | None
    is_enabled: bool
    previous_valid_until: datetime | None = Field(
        description="Until then the secret before the last rotation works too"
    )
    created_at: datetime


class NewKey(Key):
    """A key at the one moment when its secret is shown."""

    key: str = Field(description="The whole key; it is never shown again")


class KeyList(Document):
    """All keys, newest first."""

    items: list[Key]
    next_cursor: None = None
    prev_cursor: None = None


@dataclass(frozen=True)
class KeyRoutes:
    """The routes and what they need."""

    keys: IngestKeyStore
    clock: Clock

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=f"{V1}/admin/ingest-keys", tags=["admin: ingest keys"])
        router.get("", summary="List ingest keys")(self.list)
        router.post("", status_code=201, summary="Make an ingest key")(self.create)
        router.get("/{key_id}", summary="Read an ingest key")(self.read)
        router.patch("/{key_id}", summary="Change an ingest key")(self.change)
        router.post("/{key_id}/rotate", summary="Give a key a new secret")(self.rotate)
        return router

    async def list(self, _: Admin) -> KeyList:
        """List all keys, without their secrets."""
        return KeyList(items=[versioned(Key, row, None) for row in await self.keys.all()])

    async def create(self, body: NewKeyBody, who: Admin, response: Response) -> NewKey:
        """Make a key. Gateways know it within ten seconds."""
        row, secret = await self.keys.create(NewIngestKey(**body.model_dump()), who.email)
        return NewKey(**versioned(Key, row, response).model_dump(), key=secret.text)

    async def read(self, key_id: KeyId, _: Admin, response: Response) -> Key:
        """Read one key."""
        return versioned(Key, await self.keys.one(key_id), response)

    async def change(
        self,
        key_id: KeyId,
        body: KeyChangesBody,
        who: Admin,
        response: Response,
        if_match: IfMatch = None,
    ) -> Key:
        """Enable or disable a key, or change its name, origins and limits."""
        changes = body.model_dump(exclude_unset=True)
        return versioned(
            Key, await self.keys.change(key_id, changes, if_match, who.email), response
        )

    async def rotate(self, key_id: KeyId, who: Admin, response: Response) -> NewKey:
        """Give a key a new secret; the old one works for another 24 hours."""
        row, secret = await self.keys.rotate(key_id, who.email, self.clock.now())
        return NewKey(**versioned(Key, row, response).model_dump(), key=secret.text)
