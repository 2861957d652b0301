"""Routes that are asked often: what they take is handed over without FastAPI's search for it."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from services.query.api.access import signed_in


class PlainRoute(APIRoute):
    """A route as any other, to the documentation too.

    Where its endpoint takes the request and who asks, and nothing else, and answers with a
    response, it is called directly: to solve two dependencies takes as long as half a statement.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        names = self._plain_names()
        if names is None:
            return super().get_route_handler()
        request_name, identity_name = names
        endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            given = {request_name: request, identity_name: await signed_in(request)}
            made: Response = await endpoint(**given)
            return made

        return answer

    def _plain_names(self) -> tuple[str, str] | None:
        """Return the names of the endpoint's only two parameters: the request, and who asks."""
        taken = self.dependant
        others = (
            *(taken.path_params, taken.query_params, taken.header_params, taken.cookie_params),
            *(taken.body_params, taken.dependencies[1:]),
            *(taken.response_param_name, taken.background_tasks_param_name),
            *(taken.http_connection_param_name, taken.security_scopes_param_name),
        )
        if any(others) or self.response_field is not None or not taken.request_param_name:
            return None
        asks = [one.name for one in taken.dependencies if one.call is signed_in]
        return (taken.request_param_name, asks[0]) if asks and asks[0] else None
