"""Routes of single users: read, change and delete."""

from typing import Annotated, Any

from litestar import Controller, Response, delete, get, patch, put
from litestar.datastructures import State
from litestar.params import JSONBody, PathParameter

from docustore.api.problem import problems
from docustore.clock import as_utc, now_utc
from docustore.security.authentication import AuthorisedRequest
from docustore.security.route_limits import RATE_LIMIT_HEADERS
from docustore.users import service
from docustore.users.lookup import UserLookup
from docustore.users.password_limit import limit_password_write
from docustore.users.past import PastUsers, as_of_state
from docustore.users.patch_body import PatchOperation, patch_type_of
from docustore.users.preconditions import IfMatch
from docustore.users.query_parameters import AsOf, IfMatchHeader, IfNoneMatchHeader, UserId
from docustore.users.request_cause import cause_of
from docustore.users.responses import AS_OF_STATE, ETAG, NOT_MODIFIED, answer, answer_unless_current
from docustore.users.schemas import UserInput
from docustore.users.service import Write
from docustore.users.store import find_user_by_email
from docustore.users.views import UserView


class UserController(Controller):
    """Read, change and delete one user."""

    path = "/users"
    tags = ("users",)

    @get(
        "/{user_id:str}",
        responses=problems(404, 410) | NOT_MODIFIED,
        response_headers=[ETAG, AS_OF_STATE],
        operation_id="get_user",
        summary="Read a user",
    )
    async def read(
        self, state: State, user_id: UserId, as_of: AsOf = None, if_none_match: IfNoneMatchHeader = None
    ) -> Response[UserView]:
        """Read one user.

        `ETag` is the version of the user. Send it in `If-Match` to change only this version. With `as_of`, the
        answer is the user as it was at that time: 404 before it existed, 410 while it was deleted.
        """
        if as_of is not None:
            past_users: PastUsers = state.past_users
            past = await past_users.find(user_id, as_of=as_utc(as_of))
            response = answer_unless_current(past.user, if_none_match)
            response.headers["As-Of-State"] = as_of_state(past.doubts)
            return response
        lookup: UserLookup = state.user_lookup
        return answer_unless_current(await lookup.find(user_id), if_none_match)

    @get(
        "/by-email/{email:path}",
        responses=problems(404) | NOT_MODIFIED,
        response_headers=[ETAG],
        operation_id="get_user_by_email",
        summary="Read a user by e-mail address",
    )
    async def read_by_email(
        self,
        email: Annotated[str, PathParameter(description="the e-mail address; upper and lower case are equal")],
        if_none_match: IfNoneMatchHeader = None,
    ) -> Response[UserView]:
        """Read the user with this e-mail address.

        A deleted user is not found by its address. An address may contain a slash.
        """
        return answer_unless_current(await find_user_by_email(email.removeprefix("/")), if_none_match)

    @put(
        "/{user_id:str}",
        responses=problems(404, 409, 410, 412, 413, 415, 422, 428),
        response_headers=[ETAG, *RATE_LIMIT_HEADERS],
        operation_id="replace_user",
        summary="Replace a user",
    )
    async def replace(
        self,
        request: AuthorisedRequest,
        user_id: UserId,
        data: JSONBody[UserInput],
        if_match: IfMatchHeader = None,
    ) -> Response[UserView]:
        """Set every field of a user.

        A field that is left out gets its default. The password changes only if the request contains one.
        """
        write = _write(request, user_id, IfMatch.required(if_match))
        await limit_password_write(request, data)
        return answer(await service.replace_user(write, data))

    @patch(
        "/{user_id:str}",
        responses=problems(404, 409, 410, 412, 413, 415, 422, 428),
        response_headers=[ETAG, *RATE_LIMIT_HEADERS],
        operation_id="update_user",
        summary="Change some fields of a user",
        operation_class=PatchOperation,
    )
    async def change(
        self,
        request: AuthorisedRequest,
        user_id: UserId,
        data: JSONBody[Any],
        if_match: IfMatchHeader = None,
    ) -> Response[UserView]:
        """Apply a patch to a user.

        The body is a merge patch (RFC 7396) or a JSON patch (RFC 6902). `Content-Type` tells which one. Plain
        `application/json` is read as a merge patch. In a merge patch, null sets a field to its default.
        """
        write = _write(request, user_id, IfMatch.required(if_match))
        await limit_password_write(request, data)
        patched = await service.patch_user(write, data, patch_type=patch_type_of(request.headers))
        return answer(patched)

    @delete(
        "/{user_id:str}",
        responses=problems(404, 409, 410, 412, 428),
        operation_id="delete_user",
        summary="Delete a user",
    )
    async def remove(self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None) -> None:
        """Mark a user as deleted.

        A deleted user answers 410. Lists, search and counts do not include it. Another user may take its e-mail
        address. `POST /users/{id}/restore` restores the user.
        """
        await service.delete_user(_write(request, user_id, IfMatch.required(if_match)))


def _write(request: AuthorisedRequest, user_id: str, if_match: IfMatch) -> Write:
    return Write(user_id=user_id, if_match=if_match, cause=cause_of(request), now=now_utc())
