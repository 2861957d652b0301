"""ETags of rows that change: made from `updated_at`, which every change moves forward."""

from datetime import UTC, datetime, timedelta

from services.query.domain.errors import PreconditionFailed, PreconditionMissing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def etag_of(updated_at: datetime) -> str:
    """Return the ETag of a row, quotes included."""
    return f'"{(updated_at - _EPOCH) // timedelta(microseconds=1):x}"'


def check_if_match(header: str | None, updated_at: datetime) -> None:
    """Raise PreconditionMissing or PreconditionFailed unless `If-Match` names the row's state."""
    if header is None or not header.strip():
        raise PreconditionMissing("send If-Match with the ETag that you read")
    wanted = {part.strip() for part in header.split(",")}
    if "*" not in wanted and etag_of(updated_at) not in wanted:
        raise PreconditionFailed("it was changed meanwhile: read it again")
