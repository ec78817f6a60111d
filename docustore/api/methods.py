"""HEAD and OPTIONS of every route, which the framework leaves to each handler."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from litestar import Litestar, Request, Response
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send


class Api(Litestar):
    """An application that answers HEAD as it answers GET, without the body (RFC 9110, section 9.3.2)."""

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Serve one request, or the lifespan."""
        if scope.get("method") != "HEAD":
            await super().__call__(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            without: Any = {**message, "body": b""} if message["type"] == "http.response.body" else message
            await send(without)

        # Before routing: the routes know GET only.
        as_get: Any = {**scope, "method": "GET"}
        await super().__call__(as_get, receive, send_without_body)


def options_response(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Answer OPTIONS with the methods of the address; None for a request of another method."""
    if request.method != "OPTIONS":
        return None
    template = request.scope["path_template"]
    # The framework's own answer names the methods of one of the handlers that share the path.
    methods = {
        method for route in request.app.routes if route.path_format == template for method in _methods(route)
    }
    return Response(None, status_code=HTTPStatus.NO_CONTENT.value, headers={"Allow": allow_header(methods)})


def allow_header(methods: Iterable[str]) -> str:
    """Write the header `Allow`, sorted; what allows GET allows HEAD."""
    known = {str(method) for method in methods}
    return ", ".join(sorted(known | {"HEAD"} if "GET" in known else known))


def _methods(route: Any) -> Iterable[str]:
    # A route that is a mounted ASGI application has none.
    return getattr(route, "methods", ())
