"""The limit of writes with a password.

Hashing a password takes far more time than the rest of the write.
"""

from typing import Final

from docustore.security.authentication import AuthorisedRequest
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import take
from docustore.users.schemas import UserInput

PASSWORD_POINTER: Final = "/password"  # noqa: S105  # a path


async def limit_password_write(request: AuthorisedRequest, body: object) -> None:
    """Take one request of the caller's quota if the body sets a password.

    Raises:
        TooManyRequestsError: The quota is used up.
    """
    if sets_password(body):
        await take(request, Policy.PASSWORD, request.auth.key_id)


def sets_password(body: object) -> bool:
    """Tell whether a user, a merge patch or a JSON patch sets a password.

    An operation on the whole document (`path` is empty) may set one.
    """
    match body:
        case UserInput():
            return body.password is not None
        case dict():
            return body.get("password") is not None
        case list():
            return any(
                isinstance(operation, dict) and operation.get("path") in ("", PASSWORD_POINTER)
                for operation in body
            )
        case _:
            return False
