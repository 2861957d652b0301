"""The OpenAPI document: what FastAPI finds out by itself, with our problems and credentials."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.query.api.access import COOKIE, V1

_PUBLIC = {(f"{V1}/auth/login", "post")}
_DESCRIPTION = (
    "Reads what Headwater stored: logs, their counts, and the administration of keys, users, "
    "tokens and dead letters. Errors are `application/problem+json` (RFC 9457) with a stable "
    "`reason` and `retryable`."
)
_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "reason", "retryable"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "reason": {"type": "string", "description": "Stable: programs may tell errors apart by it"},
        "retryable": {"type": "boolean"},
        "detail": {"type": "string"},
    },
    "example": {
        "type": "urn:headwater:problem:invalid-parameter",
        "title": "invalid parameter",
        "status": 422,
        "reason": "invalid_parameter",
        "retryable": False,
        "detail": "colour: no such parameter",
        "parameter": "colour",
    },
}
_MEANINGS = {
    400: "The cursor or the body is not one of ours",
    401: "Not signed in",
    403: "Not allowed",
    404: "No such thing, or none that you may see",
    409: "Not in its present state",
    412: "Changed meanwhile",
    413: "The body is too large",
    422: "A parameter or field is wrong; the answer names it",
    428: "If-Match is missing",
    429: "Too many tries",
    503: "Try again",
}


def install_openapi(api: FastAPI) -> None:
    """Complete the document when it is first asked for."""

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            made = get_openapi(
                title=api.title,
                version=api.version,
                description=_DESCRIPTION,
                routes=api.routes,
            )
            _complete(made)
            api.openapi_schema = made
        return api.openapi_schema

    api.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _complete(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token, `hwt_…`"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            is_public = (path, method) in _PUBLIC
            if not is_public:
                operation["security"] = [{"token": []}, {"session": []}]
            for status in _statuses(path, method, is_public=is_public):
                operation["responses"][str(status)] = {
                    "description": _MEANINGS[status],
                    "content": {
                        "application/problem+json": {
                            "schema": {"$ref": "#/components/schemas/Problem"}
                        }
                    },
                }


def _statuses(path: str, method: str, *, is_public: bool) -> list[int]:
    """Return the errors that an operation may answer."""
    statuses = {400, 401, 403, 422, 503}
    if is_public:
        statuses.add(429)
    if "{" in path:
        statuses.add(404)
    if method in ("post", "patch"):
        statuses |= {404, 409, 413, 429}
    if method == "patch":
        statuses |= {412, 428}
    return sorted(statuses)
