"""HEAD, OPTIONS and repeated header lines, for every route.

The framework would need a handler of its own for HEAD on each route.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send

_LISTS: Final = frozenset({b"if-match", b"if-none-match", b"prefer"})


class Api(Litestar):
    """An application that answers HEAD like GET, without the body.

    See: RFC 9110, section 9.3.2.
    """

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Serve one request or the lifespan."""
        method = scope.get("method")
        if method != "HEAD":
            await super().__call__(_with_joined_lists(scope), receive, send)
            return

        async def send_without_body(message: Message) -> None:
            bodyless: Any = {**message, "body": b""} if message["type"] == "http.response.body" else message
            await send(bodyless)

        # This must happen before routing: the routes are registered for GET only.
        as_get: Any = {**scope, "method": "GET"}
        await super().__call__(_with_joined_lists(as_get), receive, send_without_body)


def _with_joined_lists(scope: Any) -> Any:
    """Join several lines of a list header into one.

    The framework would see only one of them.

    See: RFC 9110, section 5.3.
    """
    headers: list[tuple[bytes, bytes]] = scope.get("headers", [])
    names = [name for name, _ in headers if name in _LISTS]
    if len(names) > 1 and len(names) > len(set(names)):
        joined = [
            (name, b", ".join(value for key, value in headers if key == name)) for name in sorted(set(names))
        ]
        scope["headers"] = [*(header for header in headers if header[0] not in _LISTS), *joined]
    return scope


def options_response(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Answer OPTIONS with the methods of the path; return None for other requests."""
    if request.method != "OPTIONS":
        return None
    template = request.scope["path_template"]
    # The framework's own answer names only the methods of one handler; several handlers share a path.
    methods = {
        method for route in request.app.routes if route.path_format == template for method in _methods(route)
    }
    return Response(None, status_code=HTTPStatus.NO_CONTENT.value, headers={"Allow": allow_header(methods)})


def allow_header(methods: Iterable[str]) -> str:
    """Return the value of the header `Allow`, sorted; GET implies HEAD."""
    known = {str(method) for method in methods}
    return ", ".join(sorted(known | {"HEAD"} if "GET" in known else known))


def _methods(route: Any) -> Iterable[str]:
    # The route of a mounted ASGI application has no `methods`.
    return getattr(route, "methods", ())
