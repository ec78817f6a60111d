"""Routes that grant or take away one role."""

from typing import Annotated, Final

from litestar import Controller, Response, delete, put
from litestar.params import PathParameter
from pydantic import TypeAdapter, ValidationError

from docustore.api.field_errors import field_errors
from docustore.api.problem import problems
from docustore.errors import InvalidQueryError
from docustore.security.authentication import AuthorisedRequest
from docustore.users.field_types import LABEL_PATTERN, MAX_LABEL_CHARS, Label
from docustore.users.query_parameters import IfMatchHeader, UserId
from docustore.users.responses import ETAG, answer
from docustore.users.service import act
from docustore.users.status_controller import unconditional_write
from docustore.users.views import UserView

RoleName = Annotated[
    str,
    PathParameter(
        description="1 to 100 characters; use PATCH for a role with a slash",
        schema_extra={"pattern": LABEL_PATTERN, "min_length": 1, "max_length": MAX_LABEL_CHARS},
    ),
]
_LABEL: Final = TypeAdapter(Label)


class UserRolesController(Controller):
    """Grant or take away one role.

    `If-Match` is optional, because the result does not depend on the version.
    """

    path = "/users"
    tags = ("user roles",)

    @put(
        "/{user_id:str}/roles/{role:str}",
        responses=problems(404, 409, 410, 412, 422),
        response_headers=[ETAG],
        operation_id="grant_role",
        summary="Grant a role",
    )
    async def grant(
        self, request: AuthorisedRequest, user_id: UserId, role: RoleName, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Grant a role to a user.

        A role that is granted here is local: upstream systems do not remove it, and only the API takes it away. A
        user that already has the role is not changed.
        """
        name = _role(role)
        granted = await act(unconditional_write(request, user_id, if_match), lambda user: user.add_role(name))
        return answer(granted)

    @delete(
        "/{user_id:str}/roles/{role:str}",
        status_code=200,
        responses=problems(404, 409, 410, 412),
        response_headers=[ETAG],
        operation_id="revoke_role",
        summary="Take a role away",
    )
    async def revoke(
        self, request: AuthorisedRequest, user_id: UserId, role: RoleName, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Take a role away from a user.

        The role may be local or from an upstream system. A later record of an upstream system may grant it again.
        A user without the role is not changed.
        """
        name = _role(role)
        revoked = await act(unconditional_write(request, user_id, if_match), lambda user: user.remove_role(name))
        return answer(revoked)


def _role(given: str) -> str:
    try:
        return _LABEL.validate_python(given)
    except ValidationError as exc:
        raise InvalidQueryError(field_errors(exc.errors(), prefix=("role",))) from exc
