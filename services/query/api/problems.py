"""Every error as `application/problem+json`, through one map from error to status."""

from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from libs.common.db.accounts import EmailTaken, LastAdmin
from libs.common.http.paging import InvalidCursor
from libs.common.http.problems import HeadwaterError, Problem
from libs.common.telemetry.logs import get_logger
from services.query.domain import errors

log = get_logger(__name__)

STATUS: dict[type[HeadwaterError], int] = {
    InvalidCursor: 400,
    errors.NotSignedIn: 401,
    errors.InvalidCredentials: 401,
    errors.TooManyLogins: 429,
    errors.Forbidden: 403,
    errors.ForeignOrigin: 403,
    errors.NotFound: 404,
    errors.InvalidParameter: 422,
    errors.InvalidQuery: 422,
    errors.InvalidDocument: 422,
    errors.Conflict: 409,
    EmailTaken: 409,
    LastAdmin: 409,
    errors.LetterDecided: 409,
    errors.ReplayRefused: 409,
    errors.PreconditionMissing: 428,
    errors.PreconditionFailed: 412,
    errors.Unavailable: 503,
    errors.DatabaseUnavailable: 503,
    errors.GatewayUnavailable: 503,
    errors.SearchTooSlow: 503,
    errors.TailUnavailable: 503,
    errors.ExportsBusy: 503,
}
"""Every class by itself: a test finds an error that nobody thought of here."""

_HTTP_REASONS = {
    400: "malformed_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
}
_RETRY_AFTER_S = 2
# connection and login errors, no such database or table (not migrated yet), out of resources,
# shutdown, canceled, locked, serialisation failures
_AWAY_SQLSTATES = ("08", "28", "3D", "40", "42P01", "53", "55", "57")
_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    InterfaceError,
    OperationalError,
    PoolTimeout,
)


def problem_of(error: HeadwaterError) -> Problem:
    """Translate an error of ours."""
    status = STATUS.get(type(error), 500)
    extra = dict(error.extra)
    retry_after_s = extra.pop("retry_after_s", _RETRY_AFTER_S if status == 503 else None)
    return Problem(status, error.reason, error.detail, error.retryable, retry_after_s, extra)


def answer(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Build the HTTP answer of a problem."""
    return Response(
        problem.body(), status_code=problem.status, headers={**(headers or {}), **problem.headers()}
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error that a route raises as a problem."""

    async def on_ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, HeadwaterError)  # noqa: S101  # Starlette dispatches by type
        problem = problem_of(error)
        headers = {"www-authenticate": "Bearer"} if problem.status == 401 else None
        return answer(problem, headers)

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # as above
        reason = _HTTP_REASONS.get(error.status_code, "refused")
        detail = error.detail if error.status_code == 413 else ""
        return answer(Problem(error.status_code, reason, detail), dict(error.headers or {}))

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
        return answer(_validation_problem(error))

    async def on_database(_: Request, error: Exception) -> Response:
        if not _is_away(error):
            raise error
        log.warning("database unavailable", error=type(error).__name__)
        return answer(problem_of(errors.DatabaseUnavailable("the database does not answer now")))

    async def on_anything(_: Request, error: Exception) -> Response:
        log.error("unexpected error", exc_info=error)
        return answer(Problem(500, "internal_error", retryable=True))

    app.add_exception_handler(HeadwaterError, on_ours)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    for kind in (DBAPIError, asyncpg.PostgresError, *_AWAY):
        app.add_exception_handler(kind, on_database)
    app.add_exception_handler(Exception, on_anything)


def _validation_problem(error: RequestValidationError) -> Problem:
    """Name every field that is wrong; what was sent is not repeated: it may be a password."""
    wrong: list[dict[str, Any]] = [
        {"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"]}
        for item in error.errors()[:20]
    ]
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return Problem(400, "malformed_request", "the body is not JSON")
    detail = f"{wrong[0]['field']}: {wrong[0]['message']}" if wrong else ""
    return Problem(422, "invalid_document", detail, extra={"errors": wrong})


def _is_away(error: Exception) -> bool:
    sqlstate = getattr(getattr(error, "orig", error), "sqlstate", None)
    if isinstance(sqlstate, str):
        return sqlstate.startswith(_AWAY_SQLSTATES)
    return isinstance(error, _AWAY) or isinstance(getattr(error, "orig", None), _AWAY)
