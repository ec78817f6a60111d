"""Authorisation: the guard of every route.

A route needs a key unless its handler has `opt=PUBLIC`. Safe methods need the scope `read`, other methods need
`write`. A handler can require another scope with `opt=needs(...)`, and can be limited with `opt=limited(...)`.
"""

from typing import TYPE_CHECKING, Any, Final

from litestar import Request
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler

from docustore.errors import ForbiddenError
from docustore.security.api_keys import Principal
from docustore.security.attempts import proven_principal
from docustore.security.cookies import session_token
from docustore.security.http_client import Connection, is_same_origin
from docustore.security.key_ring import Credential
from docustore.security.models import Scope
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import take

if TYPE_CHECKING:
    from docustore.security.key_ring import KeyRing

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC: Final[dict[str, Any]] = {"scope": None}
_BEARER: Final = "bearer "
_LIMIT: Final = "limit"

# The request type of handlers: `request.auth` is the caller's `Principal`.
AuthorisedRequest = Request[Any, Principal, State]


def needs(scope: Scope) -> dict[str, Any]:
    """Return the `opt` of a handler that needs this scope."""
    return {"scope": scope}


ADMIN: Final = needs(Scope.ADMIN)


def limited(policy: Policy) -> dict[str, Any]:
    """Return the `opt` of a handler that takes one request of each caller's quota."""
    return {_LIMIT: policy}


async def authorise(connection: Connection, handler: BaseRouteHandler) -> None:
    """Set `connection.auth` to the caller's `Principal`, or refuse the request.

    Raises:
        UnauthenticatedError: The key is missing, unknown, expired or revoked.
        ForbiddenError: The key lacks the scope.
        TooManyRequestsError: The client's address has failed too often, or the caller's quota is used up.
    """
    method = str(connection.scope.get("method", "GET"))
    required = handler.opt.get("scope", Scope.READ if method in SAFE_METHODS else Scope.WRITE)
    if required is None or method == "OPTIONS":
        return
    key_ring: KeyRing = connection.app.state.key_ring
    credential = credential_of(connection, method)
    principal = key_ring.known(credential) if credential is not None else None
    if principal is None:
        principal = await proven_principal(connection, credential)
    if not principal.scope.includes(required):
        raise ForbiddenError(scope=required.value)
    connection.scope["auth"] = principal
    if (policy := handler.opt.get(_LIMIT)) is not None:
        await take(connection, policy, principal.key_id)


def credential_of(connection: Connection, method: str) -> Credential | None:
    """Return the key or the session token of a request.

    None if it has none that counts.
    """
    header = connection.headers.get("authorization")
    if header is not None:
        is_bearer = header[: len(_BEARER)].lower() == _BEARER
        return Credential(header[len(_BEARER) :].strip(), is_session=False) if is_bearer else None
    token = session_token(connection)
    # Another site can make a browser send a request with the cookie. So a write must come from a page of this
    # server.
    if token and (method in SAFE_METHODS or is_same_origin(connection)):
        return Credential(token, is_session=True)
    return None
