"""Routes of single users: read, change, delete."""

from typing import Annotated, Any

from litestar import Controller, Response, delete, get, patch, put
from litestar.datastructures import State
from litestar.params import JSONBody, PathParameter

from docustore.api.problem_details import problems
from docustore.clock import now_utc
from docustore.security.authentication import AuthorisedRequest
from docustore.users import service
from docustore.users.lookup import UserLookup
from docustore.users.patch_body import PatchOperation, patch_type_of
from docustore.users.preconditions import IfMatch
from docustore.users.query_parameters import IfMatchHeader, IfNoneMatchHeader, UserId
from docustore.users.responses import ETAG, NOT_MODIFIED, answer, answer_unless_current
from docustore.users.schemas import UserInput
from docustore.users.service import Write
from docustore.users.store import find_user_by_email
from docustore.users.views import UserView


class UserController(Controller):
    """One user at a time."""

    path = "/users"
    tags = ("users",)

    @get(
        "/{user_id:str}",
        responses=problems(404, 410) | NOT_MODIFIED,
        response_headers=[ETAG],
        summary="Read a user",
    )
    async def read(
        self, state: State, user_id: UserId, if_none_match: IfNoneMatchHeader = None
    ) -> Response[UserView]:
        """Read one user. `ETag` is its version: send it back in `If-Match` to change that version only."""
        lookup: UserLookup = state.user_lookup
        return answer_unless_current(await lookup.find(user_id), if_none_match)

    @get(
        "/by-email/{email:str}",
        responses=problems(404) | NOT_MODIFIED,
        response_headers=[ETAG],
        summary="Read a user by e-mail address",
    )
    async def read_by_email(
        self,
        email: Annotated[str, PathParameter(description="the address in any case")],
        if_none_match: IfNoneMatchHeader = None,
    ) -> Response[UserView]:
        """Read the user that has this e-mail address; deleted users have none."""
        return answer_unless_current(await find_user_by_email(email), if_none_match)

    @put(
        "/{user_id:str}",
        responses=problems(404, 409, 410, 412, 413, 415, 422, 428),
        response_headers=[ETAG],
        summary="Replace a user",
    )
    async def replace(
        self,
        request: AuthorisedRequest,
        user_id: UserId,
        data: JSONBody[UserInput],
        if_match: IfMatchHeader = None,
    ) -> Response[UserView]:
        """Set every field; those left out get their defaults. The password stays unless one is given."""
        write = _write(request, user_id, IfMatch.required(if_match))
        return answer(await service.replace_user(write, data))

    @patch(
        "/{user_id:str}",
        responses=problems(404, 409, 410, 412, 413, 415, 422, 428),
        response_headers=[ETAG],
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
        """Apply a patch.

        A merge patch (RFC 7396; null takes a field back to its default) or a JSON patch (RFC 6902), told apart
        by `Content-Type`; plain `application/json` is read as a merge patch.
        """
        write = _write(request, user_id, IfMatch.required(if_match))
        patched = await service.patch_user(write, data, patch_type=patch_type_of(request.headers))
        return answer(patched)

    @delete("/{user_id:str}", responses=problems(404, 410, 412, 428), summary="Delete a user")
    async def remove(self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None) -> None:
        """Mark a user as deleted.

        It answers 410 from then on and is out of lists, search and counts; its e-mail address is free for
        another. `POST /users/{id}/restore` takes the deletion back.
        """
        await service.delete_user(_write(request, user_id, IfMatch.required(if_match)))


def _write(request: AuthorisedRequest, user_id: str, if_match: IfMatch) -> Write:
    return Write(user_id=user_id, if_match=if_match, actor=request.auth.actor, now=now_utc())
