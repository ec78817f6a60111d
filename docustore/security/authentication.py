"""Who may call a route: the guard that stands before every one.

Nothing is open unless its handler says `opt=PUBLIC`. Safe methods need the scope `read`, the others `write`,
unless the handler asks for another with `opt=needs(...)`.
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
# The request as a handler gets it: `request.auth` is who makes it.
AuthorisedRequest = Request[Any, Principal, State]


def needs(scope: Scope) -> dict[str, Any]:
    """Say in a handler's `opt` which scope it needs."""
    return {"scope": scope}


async def authorise(connection: Connection, handler: BaseRouteHandler) -> None:
    """Set `connection.auth` to the request's `Principal`, or refuse.

    Raises:
        UnauthenticatedError: No key, or one that does not count.
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
    """Tell whether a browser sent the request from a page of this very server."""
    # Browsers send it on https and localhost, and no script can forge it; a proxy may rewrite Host, not this.
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
    # A cookie travels with requests that another site makes the browser send; a write needs proof that ours did.
    if cookie and (method in SAFE_METHODS or is_same_origin(connection)):
        return cookie
    raise UnauthenticatedError
