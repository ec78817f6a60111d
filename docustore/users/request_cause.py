"""The cause of the writes of one request."""

from docustore.api.request_ids import request_id
from docustore.security.authentication import AuthorisedRequest
from docustore.users.cause import Cause


def cause_of(request: AuthorisedRequest, *, reason: str | None = None) -> Cause:
    """Name the caller's key and the request."""
    return Cause(actor=request.auth.actor, request_id=request_id(request.scope), reason=reason)
