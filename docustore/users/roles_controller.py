"""Routes that grant a single role and take it away."""

from typing import Annotated, Final

from litestar import Controller, Response, delete, put
from litestar.params import PathParameter
from pydantic import TypeAdapter, ValidationError

from docustore.api.field_errors import field_errors
from docustore.api.problem_details import problems
from docustore.errors import InvalidQueryError
from docustore.security.authentication import AuthorisedRequest
from docustore.users.field_types import Label
from docustore.users.query_parameters import IfMatchHeader, UserId
from docustore.users.responses import ETAG, answer
from docustore.users.service import act
from docustore.users.status_controller import unconditional_write
from docustore.users.views import UserView

RoleName = Annotated[str, PathParameter(description="1 to 100 characters; a role with a slash needs PATCH")]
_LABEL: Final = TypeAdapter(Label)


class UserRolesController(Controller):
    """Single roles. `If-Match` is optional: the result does not depend on the version before."""

    path = "/users"
    tags = ("user roles",)

    @put(
        "/{user_id:str}/roles/{role:str}",
        responses=problems(404, 410, 412, 422),
        response_headers=[ETAG],
        summary="Grant a role",
    )
    async def grant(
        self, request: AuthorisedRequest, user_id: UserId, role: RoleName, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Grant a role to a user.

        It stays until it is taken away here: no upstream system removes it. A user that has the role is not
        changed.
        """
        name = _role(role)
        granted = await act(unconditional_write(request, user_id, if_match), lambda user: user.add_role(name))
        return answer(granted)

    @delete(
        "/{user_id:str}/roles/{role:str}",
        status_code=200,
        responses=problems(404, 410, 412),
        response_headers=[ETAG],
        summary="Take a role away",
    )
    async def revoke(
        self, request: AuthorisedRequest, user_id: UserId, role: RoleName, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Take a role away, wherever it came from.

        A later record of an upstream system may grant it again. A user without the role is not changed.
        """
        name = _role(role)
        revoked = await act(unconditional_write(request, user_id, if_match), lambda user: user.remove_role(name))
        return answer(revoked)


def _role(given: str) -> str:
    try:
        return _LABEL.validate_python(given)
    except ValidationError as exc:
        raise InvalidQueryError(field_errors(exc.errors(), prefix=("role",))) from exc
