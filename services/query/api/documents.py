"""Pieces that the documents of several routes share."""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import Header, Path, Query, Response
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from libs.common.access_names import EMAIL, EMAIL_MAX_LENGTH, NAME_MAX_LENGTH, PRINTABLE
from libs.common.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from services.query.domain.etags import etag_of
from services.query.store.records import Record

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=NAME_MAX_LENGTH, pattern=PRINTABLE)
]
Email = Annotated[str, StringConstraints(max_length=EMAIL_MAX_LENGTH, pattern=EMAIL)]
KeyId = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{1,64}$")]
IfMatch = Annotated[
    str | None, Header(description="The ETag that was read; a change without it is refused")
]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("beyond the calendar") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Document(BaseModel):
    """What a client sends: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _is_unicode(cls, given: object) -> object:
        """Refuse half a surrogate pair: JSON can write it, neither UTF-8 nor PostgreSQL can."""
        waiting = [given]
        while waiting:
            part = waiting.pop()
            if isinstance(part, str):
                try:
                    part.encode()
                except UnicodeEncodeError as error:
                    raise ValueError("text that is not Unicode") from error
            elif isinstance(part, dict):
                waiting += [*part, *part.values()]
            elif isinstance(part, list):
                waiting += part
        return given


class ListAsk(Document):
    """Paging of a list."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(None, max_length=200)


ListQuery = Annotated[ListAsk, Query()]


class Answer(BaseModel):
    """What is read from a row."""

    model_config = ConfigDict(from_attributes=True)


class Versioned(Answer):
    """A row that changes by If-Match."""

    updated_at: datetime
    etag: str = Field("", description="Send it as If-Match with a change")


_AnswerT = TypeVar("_AnswerT", bound=Answer)
_VersionedT = TypeVar("_VersionedT", bound=Versioned)


def read_row(kind: type[_AnswerT], row: Record, **more: object) -> _AnswerT:
    """Turn a row into an answer."""
    return kind.model_validate({**row._mapping, **more})


def versioned(kind: type[_VersionedT], row: Record, response: Response | None) -> _VersionedT:
    """Turn a row into an answer with its ETag, in the header too where one row is answered."""
    etag = etag_of(row.updated_at)
    if response is not None:
        response.headers["etag"] = etag
    return read_row(kind, row, etag=etag)
