"""Routes of single users: create, read, change, delete."""

from http import HTTPStatus
from typing import Annotated, Any, cast

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.enums import RequestEncodingType
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, Parameter

from docustore.clock import now_utc
from docustore.problem_details import problems
from docustore.security.authentication import AuthorisedRequest
from docustore.users import service
from docustore.users.patch_body import PatchOperation, patch_type_of
from docustore.users.preconditions import IfMatch, entity_tag, is_current
from docustore.users.query_parameters import IfMatchHeader, IfNoneMatchHeader
from docustore.users.schemas import UserInput
from docustore.users.service import RawUser, Write
from docustore.users.views import UserView, user_view

UserId = Annotated[str, Parameter(description="the user's `id`")]
UserBody = Annotated[UserInput, Body(media_type=RequestEncodingType.JSON)]
NOT_MODIFIED = {304: ResponseSpec(data_container=None, description="the copy you have is still good")}


class UserController(Controller):
    """One user at a time."""

    path = "/users"
    tags = ("users",)

    @post(responses=problems(409, 415, 422), summary="Create a user")
    async def create(self, request: AuthorisedRequest, data: UserBody) -> Response[UserView]:
        """Create a user. Fields that are left out get their defaults; `email` is required."""
        user = await service.create_user(data, actor=request.auth.actor, now=now_utc())
        response = _answer(user, status=HTTPStatus.CREATED)
        response.headers["Location"] = f"/users/{user['_id']}"
        return response

    @get("/{user_id:str}", responses=problems(404, 410) | NOT_MODIFIED, summary="Read a user")
    async def read(self, user_id: UserId, if_none_match: IfNoneMatchHeader = None) -> Response[UserView]:
        """Read one user. `ETag` is its version: send it back in `If-Match` to change that version only."""
        return _answer_unless_current(await service.find_user(user_id), if_none_match)

    @get(
        "/by-email/{email:str}",
        responses=problems(404) | NOT_MODIFIED,
        summary="Read a user by e-mail address",
    )
    async def read_by_email(
        self,
        email: Annotated[str, Parameter(description="the address in any case")],
        if_none_match: IfNoneMatchHeader = None,
    ) -> Response[UserView]:
        """Read the user that has this e-mail address; deleted users have none."""
        return _answer_unless_current(await service.find_user_by_email(email), if_none_match)

    @put("/{user_id:str}", responses=problems(404, 409, 410, 412, 415, 422, 428), summary="Replace a user")
    async def replace(
        self, request: AuthorisedRequest, user_id: UserId, data: UserBody, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Set every field; those left out get their defaults. The password stays unless one is given."""
        write = _write(request, user_id, IfMatch.required(if_match))
        return _answer(await service.replace_user(write, data))

    @patch(
        "/{user_id:str}",
        responses=problems(404, 409, 410, 412, 415, 422, 428),
        summary="Change some fields of a user",
        operation_class=PatchOperation,
    )
    async def change(
        self,
        request: AuthorisedRequest,
        user_id: UserId,
        data: Annotated[Any, Body()],
        if_match: IfMatchHeader = None,
    ) -> Response[UserView]:
        """Apply a patch.

        A merge patch (RFC 7396; null takes a field back to its default) or a JSON patch (RFC 6902), told apart
        by `Content-Type`; plain `application/json` is read as a merge patch.
        """
        write = _write(request, user_id, IfMatch.required(if_match))
        patched = await service.patch_user(write, data, patch_type=patch_type_of(request.headers))
        return _answer(patched)

    @delete("/{user_id:str}", responses=problems(404, 410, 412, 428), summary="Delete a user")
    async def remove(self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None) -> None:
        """Mark a user as deleted.

        It answers 410 from then on and is out of lists, search and counts; its e-mail address is free for
        another. `POST /users/{id}/restore` takes the deletion back.
        """
        await service.delete_user(_write(request, user_id, IfMatch.required(if_match)))


def _write(request: AuthorisedRequest, user_id: str, if_match: IfMatch) -> Write:
    return Write(user_id=user_id, if_match=if_match, actor=request.auth.actor, now=now_utc())


def _answer(user: RawUser, *, status: HTTPStatus = HTTPStatus.OK) -> Response[UserView]:
    view = user_view(user)
    return Response(view, status_code=status.value, headers={"ETag": entity_tag(view.version)})


def _answer_unless_current(user: RawUser, if_none_match: str | None) -> Response[UserView]:
    response = _answer(user)
    if is_current(if_none_match, version=response.content.version):
        empty = Response(None, status_code=HTTPStatus.NOT_MODIFIED.value, headers=response.headers)
        return cast("Response[UserView]", empty)
    return response
