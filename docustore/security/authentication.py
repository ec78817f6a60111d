"""Authorisation: the guard of every route.

A route needs a key unless its handler has `opt=PUBLIC`. Safe methods need the scope `read`, other methods need
`write`. A handler can require another scope with `opt=needs(...)`.
"""

from typing import TYPE_CHECKING, Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler

from docustore.errors import ForbiddenError, UnauthenticatedError
from docustore.security.api_keys import Principal
from docustore.security.models import Scope

if TYPE_CHECKING:
    from docustore.security.api_keys import KeyRing

COOKIE_NAME: Final = "docustore_key"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC: Final[dict[str, Any]] = {"scope": None}
_BEARER: Final = "bearer "

Connection = ASGIConnection[Any, Any, Any, Any]
# The request type of handlers: `request.auth` is the caller's `Principal`.
AuthorisedRequest = Request[Any, Principal, State]


def needs(scope: Scope) -> dict[str, Any]:
    """Return the `opt` of a handler that needs this scope."""
    return {"scope": scope}


async def authorise(connection: Connection, handler: BaseRouteHandler) -> None:
    """Set `connection.auth` to the caller's `Principal`, or refuse the request.

    Raises:
        UnauthenticatedError: The key is missing, unknown, expired or revoked.
        ForbiddenError: The key lacks the scope.
    """
    method = str(connection.scope.get("method", "GET"))
    required = handler.opt.get("scope", Scope.READ if method in SAFE_METHODS else Scope.WRITE)
    if required is None or method == "OPTIONS":
        return
    key_ring: KeyRing = connection.app.state.key_ring
    principal: Principal = await key_ring.principal_of(_key_of(connection, method))
    if not principal.scope.includes(required):
        raise ForbiddenError(scope=required.value)
    connection.scope["auth"] = principal


def is_same_origin(connection: Connection) -> bool:
    """Tell whether a browser sent the request from a page of this server."""
    # Browsers send this header on https and localhost. Scripts cannot forge it. Proxies may rewrite Host, but not
    # this header.
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = connection.headers.get("origin", "")
    return origin.partition("://")[2] == connection.headers.get("host")


def _key_of(connection: Connection, method: str) -> str:
    header = connection.headers.get("authorization")
    if header is not None:
        if header[: len(_BEARER)].lower() == _BEARER:
            return header[len(_BEARER) :].strip()
        raise UnauthenticatedError
    cookie = connection.cookies.get(COOKIE_NAME)
    # Another site can make a browser send a request with the cookie. So a write must come from a page of this
    # server.
    if cookie and (method in SAFE_METHODS or is_same_origin(connection)):
        return cookie
    raise UnauthenticatedError
