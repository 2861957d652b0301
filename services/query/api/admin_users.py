"""`/admin/users`: who may read, and which rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, StringConstraints

from libs.common.access_names import PRINTABLE, SUBJECT_MAX_COUNT, SUBJECT_PART_MAX_LENGTH
from libs.common.db.accounts import NewUser
from services.query.api.access import V1, Admin
from services.query.api.auth import NewPassword
from services.query.api.cursors import CursorBook
from services.query.api.documents import (
    Answer,
    Document,
    Email,
    IfMatch,
    ListQuery,
    Versioned,
    versioned,
)
from services.query.api.login_gate import PasswordHashing
from services.query.domain.scope import Role
from services.query.store.users import UserStore

SubjectPart = Annotated[
    str,
    StringConstraints(min_length=1, max_length=SUBJECT_PART_MAX_LENGTH, pattern=PRINTABLE),
]
Subjects = Annotated[
    list[tuple[SubjectPart, SubjectPart]],
    Field(
        max_length=SUBJECT_MAX_COUNT,
        description="Pairs of application and user id; empty sees nothing",
    ),
]


class NewUserBody(Document):
    """What a user is made of."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "email": "jane@example.com",
                "password": "correct horse battery staple",
                "role": "user",
                "subjects": [["shop", "42"]],
            }
        },
    )

    email: Email
    password: NewPassword | None = Field(None, description="null = no login by password")
    role: Role
    subjects: Subjects = Field(default_factory=list)


class UserChangesBody(Document):
    """What changes; fields that are not sent stay."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"subjects": [["shop", "42"]]}}
    )

    email: Email = ""
    password: NewPassword | None = None
    role: Role = "user"
    subjects: Subjects = Field(default_factory=list)
    is_active: bool = True


class UserAnswer(Versioned):
    """A user."""

    id: UUID
    email: str
    role: Role
    subjects: list[tuple[str, str]]
    is_active: bool
    created_at: datetime


class UserPage(Answer):
    """A page of users, newest first."""

    items: list[UserAnswer]
    next_cursor: str | None
    prev_cursor: str | None


@dataclass(frozen=True)
class UserRoutes:
    """The routes and what they need."""

    users: UserStore
    hashing: PasswordHashing

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=f"{V1}/admin/users", tags=["admin: users"])
        router.get("", summary="List users")(self.list)
        router.post("", status_code=201, summary="Make a user")(self.create)
        router.get("/{user_id}", summary="Read a user")(self.read)
        router.patch("/{user_id}", summary="Change a user")(self.change)
        return router

    async def list(self, query: ListQuery, who: Admin) -> UserPage:
        """List users."""
        book = CursorBook("users", who, None)
        ask = book.ask(query.limit, query.cursor)
        rows, edges = await self.users.page(ask)
        items = [versioned(UserAnswer, row, None) for row in rows]
        return UserPage(items=items, **book.cursors(ask, edges))

    async def create(self, body: NewUserBody, who: Admin, response: Response) -> UserAnswer:
        """Make a user."""
        password_hash = None
        if body.password is not None:
            password_hash = await self.hashing.hash(body.password)
        made = NewUser(body.email, password_hash, body.role, body.subjects)
        return versioned(UserAnswer, await self.users.create(made, who.email), response)

    async def read(self, user_id: UUID, _: Admin, response: Response) -> UserAnswer:
        """Read one user."""
        return versioned(UserAnswer, await self.users.one(user_id), response)

    async def change(
        self,
        user_id: UUID,
        body: UserChangesBody,
        who: Admin,
        response: Response,
        if_match: IfMatch = None,
    ) -> UserAnswer:
        """Change a user. A new password or role, and deactivation, end all of the sessions."""
        changes: dict[str, Any] = body.model_dump(exclude_unset=True)
        if "password" in changes:
            password = changes.pop("password")
            changes["password_hash"] = (
                None if password is None else await self.hashing.hash(password)
            )
        row = await self.users.change(user_id, changes, if_match, who.email)
        return versioned(UserAnswer, row, response)
