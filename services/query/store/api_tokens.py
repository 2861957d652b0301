"""API tokens of all users, as admins see them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db.accounts import NewSecret, create_api_token, record_audit
from libs.common.db.tables import ApiToken, User
from services.query.domain.errors import NotFound
from services.query.store.records import Record, read_one

_TOKEN = select(
    ApiToken.id,
    ApiToken.name,
    ApiToken.user_id,
    User.email.label("user_email"),
    ApiToken.created_at,
    ApiToken.expires_at,
    ApiToken.revoked_at,
).join(User, User.id == ApiToken.user_id)


class ApiTokenStore:
    """Reads and writes API tokens; no secret ever comes back out."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def all(self) -> list[Record]:
        """Return all tokens, newest first, revoked ones too."""
        async with self._engine.connect() as connection:
            newest_first = _TOKEN.order_by(ApiToken.created_at.desc(), ApiToken.id.desc())
            return list(await connection.execute(newest_first))

    async def create(
        self, user_id: UUID, name: str, expires_at: datetime | None, actor: str
    ) -> tuple[Record, NewSecret]:
        """Make a token with the rights of a user; raises NotFound where there is no such user."""
        async with self._engine.begin() as connection:
            known = await connection.execute(
                select(User.id).where(User.id == user_id).with_for_update(read=True)
            )
            if known.first() is None:
                raise NotFound("no such user")
            secret = await create_api_token(
                connection, user_id=user_id, name=name, actor=actor, expires_at=expires_at
            )
            row = (await connection.execute(_TOKEN.where(ApiToken.id == secret.id))).one()
        return row, secret

    async def revoke(self, token_id: str, actor: str) -> None:
        """End a token; once is enough. Raises NotFound."""
        async with self._engine.begin() as connection:
            statement = select(ApiToken.revoked_at).where(ApiToken.id == token_id)
            known = await read_one(connection, statement, "token", for_update=True)
            if known.revoked_at is None:
                await connection.execute(
                    update(ApiToken)
                    .where(ApiToken.id == token_id)
                    .values(revoked_at=func.clock_timestamp())
                )
                await record_audit(connection, actor, "api_token.revoke", token_id, {})
