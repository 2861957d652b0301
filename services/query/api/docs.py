"""`/docs`: the OpenAPI document as a page, from files of our own: nothing comes from elsewhere."""

from importlib.resources import files

from fastapi import Response
from starlette.requests import Request
from starlette.routing import Route

_FOLDER = files("services.query.api") / "docs_page"
_FILES = {
    "/docs": ("index.html", "text/html"),
    "/docs/docs.css": ("docs.css", "text/css"),
    "/docs/docs.js": ("docs.js", "text/javascript"),
}


def docs_routes() -> list[Route]:
    """Build the routes; the files are read now."""
    return [_route(path, name, kind) for path, (name, kind) in _FILES.items()]


def _route(path: str, name: str, media_type: str) -> Route:
    content = (_FOLDER / name).read_bytes()

    async def serve(_: Request) -> Response:
        headers = {"cache-control": "no-cache"}
        return Response(content, media_type=media_type, headers=headers)

    return Route(path, serve)
